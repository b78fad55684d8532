"""Truth tables: what a line can separate is learned from every start, XOR from none."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.fundamentals.programs import run_module
from training.fundamentals.perceptron import GATE_INPUTS, GATES, LEARNING_RATE, Perceptron, main, step, train_perceptron

SEEDS = range(50)


def test_the_step_is_one_above_zero_alone() -> None:
    np.testing.assert_array_equal(step(np.array([-1, 0, 1e-300, 2])), [0, 0, 1, 1])


def test_the_gates_are_those_of_python() -> None:
    for i, (a, b) in enumerate(GATE_INPUTS.astype(int)):
        assert (GATES["AND"][i], GATES["OR"][i], GATES["XOR"][i]) == (a & b, a | b, a ^ b)


@pytest.mark.parametrize("gate", ["AND", "OR"])
def test_a_separable_gate_is_learned_from_every_start(gate: str) -> None:
    for seed in SEEDS:
        unit = train_perceptron(GATE_INPUTS, GATES[gate], epochs=100, seed=seed)
        np.testing.assert_array_equal(unit.predict(GATE_INPUTS), GATES[gate])
        assert unit.epochs < 100


def test_xor_is_never_learned() -> None:
    for seed in SEEDS:
        unit = train_perceptron(GATE_INPUTS, GATES["XOR"], epochs=100, seed=seed)
        assert (unit.predict(GATE_INPUTS) != GATES["XOR"]).any()
        assert unit.epochs == 100


def test_a_mistake_moves_the_weights_by_the_inputs() -> None:
    start = train_perceptron(np.array([[2.0, 3.0]]), np.array([1]), 1, seed=0).weights
    assert Perceptron(start, 1).predict(np.array([[2.0, 3.0]])) == 1  # right from this start, so nothing has moved
    moved = train_perceptron(np.array([[2.0, 3.0]]), np.array([0]), 1, seed=0).weights
    np.testing.assert_allclose(moved - start, -LEARNING_RATE * np.array([2, 3, 1]), rtol=1e-12)


def test_the_command_prints_the_truth_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("AND  0 0 -> 0, 0 1 -> 0, 1 0 -> 0, 1 1 -> 1   learned in ")
    assert lines[1].startswith("OR   0 0 -> 0, 0 1 -> 1, 1 0 -> 1, 1 1 -> 1   learned in ")
    assert lines[2].startswith("XOR  ")
    assert "not learned" in lines[2]
    done = run_module("perceptron", folder=tmp_path)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, lines, "")
