"""The temperature against samples whose truth is known."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from edge.errors import UsageError
from training.networks.architecture import Architecture
from training.networks.knn import NearestNeighbours
from training.networks.lenet import build_lenet
from training.temperature import fit_temperature, with_temperature

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    logits = RNG.normal(0, 2, (40_000, 5))
    truth = softmax(logits, axis=1)
    targets = (RNG.random((40_000, 1)) > truth.cumsum(axis=1)[:, :-1]).sum(axis=1)  # a draw from each row
    boastful = softmax(logits * temperature, axis=1).astype(np.float32)
    # 40,000 draws leave about one percent of doubt.
    assert fit_temperature(boastful, targets) == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("pictures", [50, 500, 5000])
def test_a_network_without_a_mistake_is_as_sure_as_that_many_pictures_allow(pictures: int) -> None:
    rows = np.full((pictures, 3), 0.03, np.float32)
    rows[:, 0] = 0.94
    temperature = fit_temperature(rows, np.zeros(pictures, np.int64))
    # The rule of succession: one of two more pictures may be wrong.
    sure = softmax(np.log(rows[0]) / temperature)[0]
    assert sure == pytest.approx((pictures + 1) / (pictures + 2), abs=1e-5)


def test_the_temperature_divides_the_logits_of_the_network() -> None:
    network = build_lenet(Architecture(28, 28, 1, 10))
    images = RNG.random((4, 28, 28, 1), np.float32)
    before = np.asarray(network(images))
    after = np.asarray(with_temperature(network, 2.5)(images))
    # Softmax forgets what all logits have in common, so the logarithm of its result will do for them.
    assert np.allclose(after, softmax(np.log(before) / 2.5, axis=1), atol=1e-6)


def test_it_survives_saving(tmp_path) -> None:  # type: ignore[no-untyped-def]
    network = with_temperature(build_lenet(Architecture(28, 28, 1, 10)), 1.7)
    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    images = RNG.random((4, 28, 28, 1), np.float32)
    assert np.array_equal(np.asarray(network(images)), np.asarray(again(images)))


def test_what_does_not_end_in_a_softmax_is_refused() -> None:
    network = NearestNeighbours(1)(Architecture(2, 2, 1, 2), np.zeros((3, 2, 2, 1), np.float32), np.array([0, 1, 0]))
    with pytest.raises(UsageError, match="ends in a softmax"):
        with_temperature(network, 2.0)
