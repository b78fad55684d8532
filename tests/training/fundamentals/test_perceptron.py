"""What a line can separate is learned from every start, XOR from none; the steps are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Perceptron

from training.fundamentals.perceptron import GATE_INPUTS, GATES, main, predict, train_perceptron


@pytest.mark.parametrize("gate", ["AND", "OR"])
def test_a_separable_gate_is_learned_from_every_start(gate: str) -> None:
    for seed in range(50):
        weights, epochs = train_perceptron(GATE_INPUTS, GATES[gate], epochs=100, seed=seed)
        np.testing.assert_array_equal(predict(weights, GATE_INPUTS), GATES[gate])
        assert epochs < 100


def test_xor_is_never_learned() -> None:
    for seed in range(50):
        weights, epochs = train_perceptron(GATE_INPUTS, GATES["XOR"], epochs=100, seed=seed)
        assert (predict(weights, GATE_INPUTS) != GATES["XOR"]).any()
        assert epochs == 100


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_the_weights_are_those_of_scikit_learn(epochs: int) -> None:
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(40, 3)), generator.integers(0, 2, 40)
    *start, bias = train_perceptron(inputs[:0], targets[:0], epochs=1, seed=3)[0]  # nothing has moved them
    other = Perceptron(eta0=0.1, shuffle=False, tol=None, max_iter=epochs)
    other.fit(inputs, targets, coef_init=np.array([start]), intercept_init=np.array([bias]))
    weights, _ = train_perceptron(inputs, targets, epochs, seed=3)
    np.testing.assert_allclose(weights, [*other.coef_[0], *other.intercept_], rtol=0, atol=1e-12)


def test_the_command_prints_the_truth_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = dict(zip(GATES, capsys.readouterr().out.splitlines(), strict=True))
    assert "0 0 -> 0, 0 1 -> 0, 1 0 -> 0, 1 1 -> 1" in lines["AND"]
    assert "0 0 -> 0, 0 1 -> 1, 1 0 -> 1, 1 1 -> 1" in lines["OR"]
    assert "not learned" in lines["XOR"]
