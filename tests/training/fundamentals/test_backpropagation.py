"""The pass forward against scikit-learn's, the pass back against slopes, XOR, and digits."""

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import eyespot.cli
from training.fundamentals.backpropagation import XOR, initial_weights, main, network_loss, predict, to_keras, train
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


@pytest.mark.slow
def test_digits_are_learned_and_the_artifact_is_as_good_as_was_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, labels, model = tmp_path / "digits.keras", tmp_path / "labels.txt", tmp_path / "digits.onnx"
    assert main(["--output", str(network)]) == 0
    printed = re.search(r"digits ([\d.]+)% of 450", capsys.readouterr().out)
    assert printed
    assert float(printed[1]) >= 98
    labels.write_text("\n".join("0123456789"))
    options = ["--preprocessing", "unit", "--labels", str(labels), "--output", str(model)]
    assert eyespot.cli.main(["export", str(network), *options]) == 0
    digits = load_digits()
    _, images, _, targets = train_test_split(
        digits.images, digits.target, test_size=0.25, stratify=digits.target, random_state=42
    )
    levels = np.repeat(np.rint(images * (255 / 16)).astype(np.uint8)[..., None], 3, axis=-1)
    found = onnxruntime.InferenceSession(model).run(["probabilities"], {"image": levels})[0].argmax(axis=1)
    assert (found == targets).mean() == pytest.approx(float(printed[1]) / 100, abs=1 / 450)


def test_keras_with_the_same_weights_gives_the_same_probabilities() -> None:
    weights = tuple(3 * w + 0.1 for w in initial_weights((64, 32, 16, 10), seed=0))
    images = np.random.default_rng(0).random((100, 8, 8, 1), np.float32)
    # Scores of size 10 in float32 are known to about 1e-6, and a probability moves by a quarter of that at most.
    np.testing.assert_allclose(to_keras(weights)(images), predict(weights, images.reshape(100, 64)), rtol=0, atol=1e-6)
