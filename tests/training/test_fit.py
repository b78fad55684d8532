"""Fitting: repeatable, one history entry an epoch, and stopped where the loss is no number."""

import numpy as np
import pytest

from edge.errors import DivergenceError
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras

from training.batches import Batches
from training.fit import Course, fit, make_repeatable
from training.history import History
from training.networks.architecture import Architecture
from training.networks.lenet import build_lenet
from training.schedules import Constant, Schedule, StepDecay

pytestmark = pytest.mark.slow  # each test trains

EPOCHS, BATCH, IMAGES = 3, 8, 40
CALM = Constant(1e-3)
CHANCE = np.random.default_rng(0)
TARGETS = np.arange(2 * IMAGES) % 2
ARRAYS = (CHANCE.random((2 * IMAGES, 8, 8, 1)) * 0.4 + TARGETS[:, None, None, None] * 0.5).astype(np.float32)


def side(rows: range, seed: int | None, size: int = BATCH) -> Batches:
    """Return pictures of two classes, dark and bright."""
    return Batches(ARRAYS, TARGETS, np.ones(2 * IMAGES, np.float32), np.array(rows), size, seed)


def train(seed: int, schedule: Schedule = CALM, size: int = BATCH) -> tuple[History, keras.Model]:
    make_repeatable(seed)
    network = build_lenet(Architecture(8, 8, 1, 2))
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    held_out = side(range(IMAGES, 2 * IMAGES), None)
    course = Course(schedule, EPOCHS)
    return fit(network, side(range(IMAGES), seed, size), held_out, course, History(), lambda _: None), network


def test_the_same_seed_gives_the_same_history_and_weights_to_the_last_bit() -> None:
    (first, one), (second, two), (other, _) = train(5), train(5), train(6)
    assert first == second
    assert first != other
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))


def test_history_and_log_say_what_the_network_reaches(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    history, network = train(5)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"epoch {i}/{EPOCHS}: loss {epoch.loss:.4f}, held-out accuracy {epoch.held_out_accuracy:.2%}"
        for i, epoch in enumerate(history.epochs, 1)
    ]
    probabilities = network.predict(ARRAYS[IMAGES:], verbose=0)
    targets = TARGETS[IMAGES:]
    # Means of float32 numbers over batches, against one mean in float64.
    loss = -np.log(probabilities[np.arange(IMAGES), targets].astype(np.float64)).mean()
    last = history.epochs[-1]
    assert last.held_out_loss == pytest.approx(loss, abs=1e-5)
    assert last.held_out_accuracy == pytest.approx((probabilities.argmax(axis=1) == targets).mean(), abs=1e-6)
    assert last.loss < history.epochs[0].loss


def test_the_last_batch_may_be_short_and_the_rate_is_the_schedules() -> None:
    history, network = train(1, StepDecay(0.01, factor=0.5, every_epochs=2), size=16)
    assert int(network.optimizer.iterations) == EPOCHS * 3  # 40 images in batches of 16: 16, 16 and 8
    assert history.series("learning_rate") == pytest.approx([0.01, 0.005, 0.005])
    assert float(network.optimizer.learning_rate) == pytest.approx(0.005)


def test_a_rate_that_blows_up_is_named_with_its_epoch() -> None:
    """A compiled ReLU makes 0 of what is no number, so that the loss of such a network may be finite."""
    with pytest.raises(DivergenceError, match=r"epoch 1"):
        train(5, Constant(1e30))
