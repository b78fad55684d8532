"""Every schedule against numbers worked out by hand or by Keras."""

import keras
import pytest

from training.schedules import Constant, Cosine, Moment, Plateau, StepDecay, TimeDecay, curve


def test_constant_is_constant() -> None:
    assert curve(Constant(0.01), steps_per_epoch=3, epochs=2) == [0.01] * 6


def test_time_decay_is_keras_inverse_time_decay() -> None:
    rate, decay = 0.01, 0.01 / 40
    keras_schedule = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
    found = curve(TimeDecay(rate, decay), steps_per_epoch=10, epochs=3)
    # Keras computes in float32.
    assert found == pytest.approx([float(keras_schedule(step)) for step in range(30)], rel=1e-6)


def test_step_decay_drops_where_the_book_drops() -> None:
    # Chapter 16, factor .25 every 5 epochs from .01: epochs 0 to 3 at .01, 4 to 8 at .0025, then .000625.
    found = curve(StepDecay(0.01, factor=0.25, every_epochs=5), steps_per_epoch=2, epochs=10)
    assert found == pytest.approx([0.01] * 8 + [0.0025] * 10 + [0.000625] * 2)


def test_cosine_is_keras_cosine_decay() -> None:
    keras_schedule = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=20)
    found = curve(Cosine(1e-3), steps_per_epoch=5, epochs=4)
    assert found == pytest.approx([float(keras_schedule(step)) for step in range(20)], abs=1e-9)


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
    schedule = Plateau(1.0, factor=0.5, patience_epochs=2)
    assert schedule.at(Moment(0, 10, 10, losses)) == expected
