"""Fitting: repeatable, one history entry an epoch, and stopped where the loss is no number."""

from dataclasses import replace

import numpy as np
import pytest

from edge.errors import DivergenceError
from edge.steps import Grey, Resize, Scale
from export.quiet_tensorflow import start_tensorflow
from training.recipe import Recipe

start_tensorflow()
import keras

from training.fit import fit, make_repeatable
from training.networks.lenet import build_lenet

pytestmark = pytest.mark.slow  # each test trains

EPOCHS, BATCH, IMAGES = 3, 8, 40
STEPS = IMAGES // BATCH

RECIPE = Recipe(
    name="small",
    summary="LeNet on noise",
    dataset="noise",
    preprocessing=(Resize(8, 8, "antialias"), Grey(), Scale(1 / 255)),
    network=build_lenet,
    optimizer=lambda steps: keras.optimizers.Adam(1e-3),
    epochs=EPOCHS,
    batch_size=BATCH,
)

Side = tuple[np.ndarray, np.ndarray]


def halves() -> tuple[Side, Side]:
    """Return training and held-out pictures of two classes, dark and bright."""
    chance = np.random.default_rng(0)
    targets = np.arange(2 * IMAGES) % 2
    arrays = (chance.random((2 * IMAGES, 8, 8, 1)) * 0.4 + targets[:, None, None, None] * 0.5).astype(np.float32)
    return (arrays[:IMAGES], targets[:IMAGES]), (arrays[IMAGES:], targets[IMAGES:])


def train(seed: int, recipe: Recipe = RECIPE) -> tuple[dict[str, list[float]], keras.Model]:
    make_repeatable(seed)
    network = recipe.network((8, 8, 1), 2)
    return fit(recipe, network, *halves()), network


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
        f"epoch {i + 1}/{EPOCHS}, held-out accuracy {accuracy:.2%}"
        for i, accuracy in enumerate(history["val_accuracy"])
    ]
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), EPOCHS
    )
    arrays, targets = halves()[1]
    probabilities = network.predict(arrays, verbose=0)
    # Means of float32 numbers over batches, against one mean in float64.
    loss = -np.log(probabilities[np.arange(IMAGES), targets].astype(np.float64)).mean()
    assert history["val_loss"][-1] == pytest.approx(loss, abs=1e-5)
    assert history["val_accuracy"][-1] == pytest.approx((probabilities.argmax(axis=1) == targets).mean(), abs=1e-6)
    assert history["loss"][-1] < history["loss"][0]


def test_optimizer_is_told_all_steps_and_the_last_batch_may_be_short() -> None:
    told: list[int] = []

    def optimizer(steps: int) -> keras.optimizers.Optimizer:
        told.append(steps)
        return keras.optimizers.SGD(0.01)

    _, network = train(1, replace(RECIPE, optimizer=optimizer, batch_size=16))
    assert told == [EPOCHS * 3]  # 40 images in batches of 16: 16, 16 and 8
    assert int(network.optimizer.iterations) == EPOCHS * 3


class Jump(keras.optimizers.schedules.LearningRateSchedule):
    """A small learning rate for some steps, and another one from then on."""

    def __init__(self, calm_steps: int, rate: float) -> None:
        self.calm_steps = calm_steps
        self.rate = rate

    def __call__(self, step: int) -> object:
        return keras.ops.where(step < self.calm_steps, 1e-6, self.rate)


def falling_apart(calm_steps: int, rate: float) -> Recipe:
    return replace(RECIPE, optimizer=lambda _: keras.optimizers.SGD(Jump(calm_steps, rate)))


@pytest.mark.parametrize(("calm_steps", "epoch", "step"), [(0, 1, 2), (STEPS, 2, 2), (2 * STEPS + 1, 3, 3)])
def test_a_loss_that_is_no_number_names_epoch_and_step(calm_steps: int, epoch: int, step: int) -> None:
    """The step that is too wide spoils the weights, the one behind it meets them."""
    with pytest.raises(DivergenceError, match=rf"became nan in epoch {epoch}, step {step}; lower the learning rate"):
        train(5, falling_apart(calm_steps, float("nan")))


def test_weights_that_are_no_numbers_are_found_behind_a_finite_loss() -> None:
    """A compiled ReLU makes 0 of what is no number, so that the loss of such a network may be finite."""
    with pytest.raises(DivergenceError):
        train(5, falling_apart(0, 1e30))
