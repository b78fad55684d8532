"""What a line can separate is learned from every start, XOR from none; the steps are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Perceptron

from training.fundamentals.perceptron import GATE_INPUTS, GATES, main, predict, train_perceptron


@pytest.mark.parametrize("gate", GATES)
def test_what_a_line_separates_is_learned_from_every_start(gate: str) -> None:
    for seed in range(50):
        weights, epochs = train_perceptron(GATE_INPUTS, GATES[gate], epochs=100, seed=seed)
        learned = np.array_equal(predict(weights, GATE_INPUTS), GATES[gate])
        assert (learned, epochs == 100) == (gate != "XOR", gate == "XOR")


def test_the_weights_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(40, 3)), generator.integers(0, 2, 40)
    *start, bias = train_perceptron(inputs[:0], targets[:0], epochs=1, seed=3)[0]  # nothing has moved them
    other = Perceptron(eta0=0.1, shuffle=False, tol=None, max_iter=7)
    other.fit(inputs, targets, coef_init=np.array([start]), intercept_init=np.array([bias]))
    weights, _ = train_perceptron(inputs, targets, 7, seed=3)
    np.testing.assert_allclose(weights, [*other.coef_[0], *other.intercept_], rtol=0, atol=1e-12)


def test_the_command_prints_the_truth_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    lines = dict(zip(GATES, capsys.readouterr().out.splitlines(), strict=True))
    assert "0 0 -> 0, 0 1 -> 0, 1 0 -> 0, 1 1 -> 1" in lines["AND"]
    assert "0 0 -> 0, 0 1 -> 1, 1 0 -> 1, 1 1 -> 1" in lines["OR"]
