"""Every schedule against numbers worked out by hand or by Keras; and what a history says."""

import keras
import numpy as np
import pytest

from training.epochs.batches import class_weights
from training.epochs.history import Epoch, History, diagnose
from training.epochs.schedules import Constant, Cosine, Plateau, Progress, StepDecay, TimeDecay, curve


def test_constant_is_constant() -> None:
    assert curve(Constant(0.01), steps_per_epoch=3, epochs=2) == [0.01] * 6


def test_time_decay_is_keras_inverse_time_decay() -> None:
    rate, decay = 0.01, 0.01 / 40
    keras_schedule = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
    found = curve(TimeDecay(rate, decay), steps_per_epoch=10, epochs=3)
    assert found == pytest.approx([float(keras_schedule(step)) for step in range(30)], rel=1e-6)


def test_step_decay_drops_where_the_book_drops() -> None:
    # Chapter 16, factor .25 every 5 epochs from .01: epochs 0 to 3 at .01, 4 to 8 at .0025, then .000625.
    found = curve(StepDecay(0.01, factor=0.25, every_epochs=5), steps_per_epoch=2, epochs=10)
    assert found == pytest.approx([0.01] * 8 + [0.0025] * 10 + [0.000625] * 2)


def test_cosine_is_keras_cosine_decay_behind_a_linear_rise() -> None:
    keras_schedule = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=20)
    found = curve(Cosine(1e-3), steps_per_epoch=5, epochs=4)
    assert found == pytest.approx([float(keras_schedule(step)) for step in range(20)], abs=1e-9)
    warmed = curve(Cosine(1e-3, warm_up=0.2), steps_per_epoch=5, epochs=5)
    assert warmed[:5] == pytest.approx([1e-3 * step / 6 for step in range(1, 6)])
    assert warmed[5:] == pytest.approx([float(keras_schedule(step)) for step in range(20)], abs=1e-9)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ((), 1.0),
        ((3.0, 2.0, 1.0), 1.0),
        ((3.0, 3.0), 1.0),
        ((3.0, 3.0, 3.0), 0.5),  # two epochs without a new low
        ((3.0, 3.1, 3.2, 3.3, 3.4), 0.25),
        ((3.0, 3.1, 2.9, 3.0, 3.0), 0.5),  # a new low starts the count again
    ],
)
def test_plateau_waits_its_patience(losses: tuple[float, ...], expected: float) -> None:
    assert Plateau(1.0, factor=0.5, patience_epochs=2).at(Progress(0, 10, 10, losses)) == expected


def test_class_weights_give_every_class_the_same_total() -> None:
    targets = np.array([0] * 6 + [2] * 2)
    weights = class_weights(targets, 3)
    assert weights.sum() == pytest.approx(8)
    assert weights[targets == 0].sum() == pytest.approx(weights[targets == 2].sum())


def history(losses: list[float], validation: list[float], accuracies: list[float] | float = 0.95) -> History:
    accuracies = accuracies if isinstance(accuracies, list) else [accuracies] * len(losses)
    return History(tuple(Epoch(a, c, b, c, 0.01) for a, b, c in zip(losses, validation, accuracies, strict=True)))


def test_the_best_epoch_is_by_accuracy_and_then_by_loss() -> None:
    some = history([1] * 5, [0.2, 0.5, 0.4, 0.6, 0.3], [0.8, 0.9, 0.9, 0.9, 0.7])
    assert some.best_epoch() == 3
    assert some.has_stalled(2)
    assert not some.has_stalled(3)


FALLING = [1.0 / (i + 1) for i in range(12)]


@pytest.mark.parametrize(
    ("some", "said"),
    [
        (history([1.0, 0.5, 0.3, 0.25], [1.1, 0.6, 0.4, 0.39]), []),
        (history(FALLING, [1.0, 0.7, 0.5, 0.45] + [0.5 + 0.05 * i for i in range(8)]), ["overfitting"]),
        # As lenet ends on digits: 99.8 % right, and losses that no longer mean anything.
        (history([0.04] + [0.02] * 6, [0.0067] + [0.0084] * 6, 0.998), []),
        (history([2.3, 3.0, 8.0], [2.3, 3.1, 8.2], 0.6), ["diverging"]),
        (history([2.3] * 3, [2.3] * 3, 0.11), ["underfitting"]),
        (history([2.3, 1.8, 1.3], [2.3, 1.8, 1.3], 0.6), ["underfitting"]),
    ],
    ids=["good", "overfitting", "converged", "diverging", "nothing learned", "stopped early"],
)
def test_what_the_curves_show(some: History, said: list[str]) -> None:
    assert [sentence.partition(":")[0] for sentence in diagnose(some, classes=10)] == said
