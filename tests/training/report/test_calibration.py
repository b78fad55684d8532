"""Calibration: the temperature, the error and the threshold against other ways to compute them."""

import numpy as np
import pytest
from scipy.special import softmax

from edge.errors import UsageError
from export.evaluation import fit_temperature
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras
from keras import layers

from training.report.calibration import (
    apply_temperature,
    expected_calibration_error,
    find_threshold,
    reliability_bins,
    with_temperature,
)


def answers(temperature: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are `temperature` times too large, and targets drawn from the right ones."""
    chance = np.random.default_rng(7)
    logits = chance.normal(0, 2, (count, 4))
    right = softmax(logits, axis=1)
    targets = (chance.random((count, 1)) > right.cumsum(axis=1)).sum(axis=1)
    return softmax(logits * temperature, axis=1).astype(np.float32), targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_and_undone(temperature: float) -> None:
    probabilities, targets = answers(temperature)
    found = fit_temperature(probabilities, targets)
    assert found == pytest.approx(temperature, rel=0.06)
    grid = np.exp(np.linspace(np.log(0.2), np.log(8), 400))
    losses = [-np.log(apply_temperature(probabilities, t)[np.arange(len(targets)), targets]).mean() for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.02)
    assert apply_temperature(probabilities, temperature) == pytest.approx(answers(1.0)[0], abs=1e-4)


def test_a_network_without_a_mistake_is_not_made_sure_of_everything() -> None:
    targets = np.arange(30) % 3
    probabilities = np.where(np.eye(3)[targets] == 1, 0.9, 0.05).astype(np.float32)
    sure = apply_temperature(probabilities, fit_temperature(probabilities, targets)).max()
    assert 0.9 < sure < 1 - 1 / 64  # Platt's 31 of 32, and not 1


def test_the_error_is_the_mean_gap_of_fifteen_bins() -> None:
    probabilities, targets = answers(3.0)
    confidences, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == targets
    total = 0.0
    for i in range(15):
        inside = (confidences > i / 15) & (confidences <= (i + 1) / 15)
        if inside.any():
            total += inside.sum() * abs(confidences[inside].mean() - right[inside].mean())
    bins = reliability_bins(confidences, right)
    assert len(bins) == 15
    assert sum(b.images for b in bins) == len(targets)
    assert expected_calibration_error(bins) == pytest.approx(total / len(targets))
    assert expected_calibration_error(bins) > 0.1
    calm, _ = answers(1.0)
    assert expected_calibration_error(reliability_bins(calm.max(1).astype(float), calm.argmax(1) == targets)) < 0.03


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.97])
def test_the_threshold_is_the_lowest_that_keeps_the_promise(wanted: float) -> None:
    probabilities, targets = answers(1.0)
    right, confidence = probabilities.argmax(1) == targets, probabilities.max(1)
    found = find_threshold(probabilities, targets, wanted)
    given = confidence >= found.below
    assert right[given].mean() == pytest.approx(found.accuracy)
    assert found.accuracy >= wanted
    assert given.mean() == pytest.approx(found.answered)
    lower = [right[confidence >= t].mean() for t in np.arange(found.below - 0.05, found.below - 1e-4, 1e-3)]
    assert max(lower) < wanted + 0.01


def test_what_no_threshold_reaches_is_refused() -> None:
    with pytest.raises(UsageError):
        find_threshold(np.array([[0.9, 0.1], [0.8, 0.2]], np.float32), np.array([1, 1]), 0.5)


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
