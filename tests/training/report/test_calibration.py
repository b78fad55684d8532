"""The temperature against a grid, and built into networks."""

import numpy as np
import pytest
from scipy.special import softmax

from edge.errors import UsageError
from export.evaluation import fit_temperature
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras
from keras import layers

from training.report.calibration import apply_temperature, with_temperature


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_is_found_and_undone(temperature: float) -> None:
    chance = np.random.default_rng(7)
    logits = chance.normal(0, 2, (4000, 4))
    right = softmax(logits, axis=1)
    targets = (chance.random((4000, 1)) > right.cumsum(axis=1)).sum(axis=1)
    probabilities = softmax(logits * temperature, axis=1).astype(np.float32)
    found = fit_temperature(probabilities, targets)
    assert found == pytest.approx(temperature, rel=0.06)
    grid = np.exp(np.linspace(np.log(0.2), np.log(8), 400))
    losses = [-np.log(apply_temperature(probabilities, t)[np.arange(len(targets)), targets]).mean() for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.02)
    assert apply_temperature(probabilities, temperature) == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize(
    "ending",
    [
        (layers.Dense(3, "softmax"),),
        (layers.Dense(3), layers.Activation("softmax")),
        (layers.Dense(3), layers.Softmax()),
    ],
)
def test_it_is_built_into_any_network_that_ends_in_a_softmax(ending: tuple[layers.Layer, ...]) -> None:
    keras.utils.set_random_seed(2)
    network = keras.Sequential([keras.Input((5,)), layers.Dense(4, "relu"), *ending])
    values = np.random.default_rng(1).normal(0, 3, (20, 5)).astype(np.float32)
    expected = apply_temperature(network.predict(values, verbose=0), 2.5)
    assert with_temperature(network, 2.5).predict(values, verbose=0) == pytest.approx(expected, abs=1e-6)


def test_another_ending_is_refused() -> None:
    with pytest.raises(UsageError):
        with_temperature(keras.Sequential([keras.Input((5,)), layers.Dense(3)]), 2.0)
