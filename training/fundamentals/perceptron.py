"""The perceptron: one unit with a step, which learns whatever a straight line can separate, and nothing else.

Command:   python -m training.fundamentals.perceptron
Source:    Deep Learning for Computer Vision with Python, Starter Bundle, chapter 10; after F. Rosenblatt, The
           Perceptron, Psychological Review, 1958
Expected:  AND and OR learned, XOR not
Time here: 0.2 seconds
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.arguments import positive, seed_number
from edge.cli import DONE
from training.fundamentals.bias import with_bias
from training.fundamentals.command import command_parser, run_command

LEARNING_RATE = 0.1

GATE_INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": np.array([0, 0, 0, 1]), "OR": np.array([0, 1, 1, 1]), "XOR": np.array([0, 1, 1, 0])}


@dataclass(frozen=True)
class Perceptron:
    """A trained unit: its weights [features + 1], the bias last, and the epochs it took."""

    weights: NDArray[np.float64]
    epochs: int

    def predict(self, inputs: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return 0 or 1 for each row of `inputs` [N, features]."""
        return step(with_bias(inputs) @ self.weights)


def step(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return 1 where `x` is above 0, else 0."""
    return (x > 0).astype(np.int64)


def train_perceptron(inputs: NDArray[np.float64], targets: NDArray[np.int64], epochs: int, seed: int) -> Perceptron:
    """Return the unit after the first epoch without a mistake, or after `epochs`.

    `inputs` are [N, features], `targets` [N] are 0 or 1. Each mistake moves the weights by its own inputs, so
    samples are taken one by one; if a line separates the classes, that ends (A. Novikoff, 1962).
    """
    rows = with_bias(inputs)
    weights = np.random.default_rng(seed).standard_normal(rows.shape[1]) / np.sqrt(rows.shape[1])
    for epoch in range(1, epochs + 1):
        mistakes = 0
        for row, target in zip(rows, targets, strict=True):
            error = target - step(row @ weights)
            weights += LEARNING_RATE * error * row
            mistakes += abs(int(error))
        if not mistakes:
            return Perceptron(weights, epoch)
    return Perceptron(weights, epochs)


def main(argv: Sequence[str] | None = None) -> int:
    """Train one perceptron for each gate and print its truth table."""
    parser = command_parser("perceptron", __doc__)
    parser.add_argument("--epochs", type=positive, default=100, metavar="N", help="at the most (default 100)")
    parser.add_argument("--seed", type=seed_number, default=42, help="of the first weights (default 42)")
    return run_command(parser, argv, _show)


def _show(arguments: argparse.Namespace) -> int:
    for gate, targets in GATES.items():
        unit = train_perceptron(GATE_INPUTS, targets, arguments.epochs, arguments.seed)
        found = unit.predict(GATE_INPUTS)
        table = ", ".join(f"{a:.0f} {b:.0f} -> {y}" for (a, b), y in zip(GATE_INPUTS, found, strict=True))
        right = int((found == targets).sum())
        verdict = f"learned in {unit.epochs} epochs" if right == 4 else f"not learned, {right} of 4 right"
        print(f"{gate:<5}{table}   {verdict}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
