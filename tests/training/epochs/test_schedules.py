"""Every schedule against numbers worked out by hand or by Keras; class weights; the best epoch of a history."""

import keras
import numpy as np
import pytest

from training.epochs.batches import class_weights
from training.epochs.history import Epoch, History
from training.recipe import Optimizer


def rates(optimizer: Optimizer, steps_per_epoch: int, epochs: int) -> list[float]:
    """The learning rate of every step, as Keras takes it."""
    made = optimizer.make(steps_per_epoch, epochs)
    found = []
    for step in range(steps_per_epoch * epochs):
        made.iterations.assign(step)
        found.append(float(made.learning_rate))
    return found


def test_constant_is_constant() -> None:
    assert rates(Optimizer(rate=0.01), 3, 2) == pytest.approx([0.01] * 6)


def test_time_decay_is_the_books() -> None:
    # Chapter 16: the rate over the number of epochs is the decay.
    found = rates(Optimizer(rate=0.01, schedule="time-decay"), 10, 40)
    assert found == pytest.approx([0.01 / (1 + 0.01 / 40 * step) for step in range(400)], rel=1e-5)


@pytest.mark.parametrize("epochs", [10, 11, 3])
def test_step_decay_drops_where_the_book_drops(epochs: int) -> None:
    # Chapter 16, factor .25 every 5 epochs from .01: epochs 0 to 3 at .01, 4 to 8 at .0025, then .000625.
    found = rates(Optimizer(name="SGD", rate=0.01, schedule="step-decay", factor=0.25), 2, epochs)
    expected = [0.01 * 0.25 ** ((1 + epoch) // 5) for epoch in range(epochs) for _ in range(2)]
    assert found == pytest.approx(expected)


def test_cosine_is_half_a_cosine_behind_a_linear_rise() -> None:
    def half(steps: int) -> np.ndarray:
        return 0.5e-3 * (1 + np.cos(np.pi * np.arange(steps) / steps))

    assert rates(Optimizer(schedule="cosine"), 5, 4) == pytest.approx(half(20), abs=1e-9)
    warmed = rates(Optimizer(schedule="cosine", warm_up=0.2), 5, 5)
    assert warmed[:5] == pytest.approx([1e-3 * step / 6 for step in range(1, 6)])
    assert warmed[5:] == pytest.approx(half(20), abs=1e-9)


def test_optimizers_are_keras() -> None:
    sgd = Optimizer(name="SGD", momentum=0.9).make(1, 1)
    assert isinstance(sgd, keras.optimizers.SGD)
    assert (sgd.momentum, sgd.nesterov) == (0.9, True)
    assert Optimizer(name="SGD").make(1, 1).momentum == 0
    assert isinstance(Optimizer().make(1, 1), keras.optimizers.Adam)


def test_class_weights_give_every_class_the_same_total() -> None:
    targets = np.array([0] * 6 + [2] * 2)
    weights = class_weights(targets, 3)
    assert weights.sum() == pytest.approx(8)
    assert weights[targets == 0].sum() == pytest.approx(weights[targets == 2].sum())


def test_the_best_epoch_is_by_accuracy_and_then_by_loss() -> None:
    figures = zip([0.2, 0.5, 0.4, 0.6, 0.3], [0.8, 0.9, 0.9, 0.9, 0.7], strict=True)
    assert History(tuple(Epoch(1, 1, loss, accuracy, 0.01) for loss, accuracy in figures)).best_epoch() == 3
