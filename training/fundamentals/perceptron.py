"""The perceptron: one unit with a step function, which learns what a straight line can separate, and nothing else.

Command:   python -m training.fundamentals.perceptron
Source:    Starter Bundle, chapter 10; after F. Rosenblatt, The Perceptron, Psychological Review, 1958
Expected:  AND and OR learned, XOR not
"""

import numpy as np

from training.fundamentals.losses import Classes, Floats, with_bias

GATE_INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": np.array([0, 0, 0, 1]), "OR": np.array([0, 1, 1, 1]), "XOR": np.array([0, 1, 1, 0])}
EPOCHS, SEED = 100, 42


def predict(weights: Floats, inputs: Floats) -> Classes:
    """Return 1 for each row of `inputs` [N, features] whose score is above 0, else 0; the bias is the last weight."""
    return (with_bias(inputs) @ weights > 0).astype(np.int64)


def train_perceptron(inputs: Floats, targets: Classes, epochs: int, seed: int) -> tuple[Floats, int]:
    """Return the weights after the first epoch without a mistake, or after `epochs`, and the number of epochs.

    `inputs` are [N, features], `targets` [N] are 0 or 1. If a line separates the classes it ends (A. Novikoff, 1962).
    """
    rows = with_bias(inputs)
    weights = np.random.default_rng(seed).standard_normal(rows.shape[1]) / np.sqrt(rows.shape[1])
    for epoch in range(1, epochs + 1):
        mistakes = 0
        for row, target in zip(rows, targets, strict=True):
            error = target - int(row @ weights > 0)
            weights += 0.1 * error * row  # each mistake moves the weights by its own inputs
            mistakes += abs(error)
        if not mistakes:
            return weights, epoch
    return weights, epochs


def main() -> None:
    """Train one perceptron for each gate and print its truth table."""
    for gate, targets in GATES.items():
        weights, epochs = train_perceptron(GATE_INPUTS, targets, EPOCHS, SEED)
        found = predict(weights, GATE_INPUTS)
        table = ", ".join(f"{a:.0f} {b:.0f} -> {y}" for (a, b), y in zip(GATE_INPUTS, found, strict=True))
        result = f"learned in {epochs} epochs" if (found == targets).all() else "not learned"
        print(f"{gate:<5}{table}   {result}")


if __name__ == "__main__":
    main()
