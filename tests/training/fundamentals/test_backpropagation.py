"""The pass forward against plain loops, the pass back against measured slopes, and XOR."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.training.fundamentals.finite_differences import slope
from tests.training.fundamentals.programs import run_module
from training.fundamentals.backpropagation import initial_weights, main, network_loss, predict, train_xor
from training.fundamentals.perceptron import GATE_INPUTS, GATES
from training.fundamentals.weights import Weights

UNITS = (3, 5, 4, 2)


def random_problem() -> tuple[Weights, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    # Biases that are not 0, so that a lost one would show.
    weights = tuple(w + generator.normal(0, 0.5, w.shape) for w in initial_weights(UNITS, seed=1))
    return weights, generator.normal(size=(7, 3)), generator.integers(0, 2, 7)


def by_loops(weights: Weights, row: np.ndarray) -> list[float]:
    """Return the probabilities of one row of inputs, unit by unit."""
    values = row.tolist()
    for layer, matrix in enumerate(weights):
        *incoming, biases = matrix.tolist()
        sums = [b + sum(x * w[j] for x, w in zip(values, incoming, strict=True)) for j, b in enumerate(biases)]
        is_last = layer == len(weights) - 1
        values = [math.exp(s) if is_last else 1 / (1 + math.exp(-s)) for s in sums]
    return [value / sum(values) for value in values]


def test_probabilities_are_those_of_plain_loops() -> None:
    weights, inputs, _ = random_problem()
    np.testing.assert_allclose(predict(weights, inputs), [by_loops(weights, row) for row in inputs], rtol=1e-12)


def test_the_loss_is_that_of_plain_loops() -> None:
    weights, inputs, targets = random_problem()
    losses = [-math.log(by_loops(weights, row)[target]) for row, target in zip(inputs, targets, strict=True)]
    assert network_loss(weights, inputs, targets)[0] == pytest.approx(np.mean(losses), rel=1e-12)


@pytest.mark.parametrize("layer", range(len(UNITS) - 1))
def test_the_gradient_by_every_weight_is_the_slope(layer: int) -> None:
    weights, inputs, targets = random_problem()

    def loss(matrix: np.ndarray) -> float:
        return network_loss((*weights[:layer], matrix, *weights[layer + 1 :]), inputs, targets)[0]

    gradient = network_loss(weights, inputs, targets)[1][layer]
    np.testing.assert_allclose(gradient, slope(loss, weights[layer]), rtol=0, atol=1e-9)


def test_first_weights_are_as_wide_as_their_inputs_allow() -> None:
    weights = initial_weights((400, 300, 10), seed=0)
    assert [w.shape for w in weights] == [(401, 300), (301, 10)]
    for w in weights:
        assert not w[-1].any()
        # The deviation of 3,000 and more normal numbers is known to 2 %; this is three times that.
        assert w[:-1].std() * math.sqrt(len(w) - 1) == pytest.approx(1, rel=0.06)


def test_xor_is_learned_from_every_start() -> None:
    for seed in range(10):
        probabilities = predict(train_xor(seed), GATE_INPUTS)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), GATES["XOR"])
        assert probabilities.max(axis=1).min() > 0.99
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.slow
def test_the_command_learns_xor_and_begins_with_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "2"]) == 0
    *xor, digits = capsys.readouterr().out.splitlines()
    tables = ["0 0 -> 0", "0 1 -> 1", "1 0 -> 1", "1 1 -> 0"]
    assert [line.partition(",")[0] for line in xor] == [f"XOR    {table}" for table in tables]
    assert digits.endswith("% of 450 held-out images after 2 epochs")


@pytest.mark.slow
def test_the_command_learns_digits(tmp_path: Path) -> None:
    done = run_module("backpropagation", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    line = done.stdout.splitlines()[-1]
    assert float(line.split()[1].rstrip("%")) >= 98
    assert not list(tmp_path.iterdir())
