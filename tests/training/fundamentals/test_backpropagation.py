"""The pass forward against scikit-learn's, the pass back against slopes, XOR, and digits."""

import re

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.neural_network import MLPClassifier

from training.fundamentals.backpropagation import XOR, initial_weights, main, network_loss, predict, train
from training.fundamentals.descent import Weights
from training.fundamentals.perceptron import GATE_INPUTS, GATES

UNITS = (3, 5, 4, 3)


def random_problem() -> tuple[Weights, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    # Biases that are not 0, so that a lost one would show.
    weights = tuple(w + generator.normal(0, 0.5, w.shape) for w in initial_weights(UNITS, seed=1))
    return weights, generator.normal(size=(7, 3)), np.array([0, 1, 2, 0, 1, 2, 0])


def test_probabilities_are_those_of_scikit_learn() -> None:
    weights, inputs, targets = random_problem()
    network = MLPClassifier(UNITS[1:-1], activation="logistic").partial_fit(inputs, targets, classes=range(3))
    network.coefs_, network.intercepts_ = [w[:-1] for w in weights], [w[-1] for w in weights]
    np.testing.assert_allclose(predict(weights, inputs), network.predict_proba(inputs), rtol=1e-12)


@pytest.mark.parametrize("layer", range(len(UNITS) - 1))
def test_the_gradient_by_every_weight_is_the_slope(layer: int) -> None:
    weights, inputs, targets = random_problem()

    def loss(values: np.ndarray) -> float:
        moved = values.reshape(weights[layer].shape)
        return network_loss((*weights[:layer], moved, *weights[layer + 1 :]), inputs, targets)[0]

    gradient = network_loss(weights, inputs, targets)[1][layer]
    np.testing.assert_allclose(gradient.ravel(), approx_fprime(weights[layer].ravel(), loss), rtol=0, atol=1e-6)
    assert np.abs(gradient).min() > 1e-6  # a slope of 0 would prove nothing


def test_xor_is_learned_from_every_start() -> None:
    for seed in range(10):
        probabilities = predict(train((2, 4, 2), GATE_INPUTS, GATES["XOR"], seed, **XOR), GATE_INPUTS)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), GATES["XOR"])
        assert probabilities.max(axis=1).min() > 0.99


def test_digits_are_learned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    found = re.search(r"digits ([\d.]+)% of 450", capsys.readouterr().out)
    assert found
    assert float(found[1]) >= 98
