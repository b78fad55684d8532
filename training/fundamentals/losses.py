"""Hinge, squared hinge and cross-entropy: how wrong the scores of a classifier are, and in which direction.

Command:   python -m training.fundamentals.losses
Source:    Starter Bundle, chapter 8
Expected:  the hinge is 0 from a margin of 1 on, the cross-entropy never; all grow with the error
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from edge.errors import UsageError

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]
# From scores [N, classes] and targets [N] to the mean loss and its gradient by the scores.
Loss = Callable[[Floats, Classes], tuple[float, Floats]]


def with_bias(inputs: Floats) -> Floats:
    """Return `inputs` [N, features] with a last column of ones, so that the bias is one more weight."""
    return np.column_stack([inputs, np.ones(len(inputs))])


def hinge(scores: Floats, targets: Classes, power: int = 1) -> tuple[float, Floats]:
    """Return the mean over samples of the sum over wrong classes of max(0, score - right score + 1), and its gradient.

    `scores` are [N, classes], `targets` [N] the right classes; with `power` 2 every max(0, ...) is squared. Raises
    UsageError if the arrays do not fit. After J. Weston, C. Watkins, Support Vector Machines for Multi-Class, 1999.
    """
    _check(scores, targets)
    rows = np.arange(len(scores))
    excess = np.maximum(0, scores - scores[rows, targets][:, None] + 1)
    excess[rows, targets] = 0
    gradient = power * excess ** (power - 1) * (excess > 0)
    gradient[rows, targets] = -gradient.sum(axis=1)  # every excess falls as the score of the right class rises
    return float((excess**power).sum(axis=1).mean()), gradient / len(scores)


def cross_entropy(scores: Floats, targets: Classes) -> tuple[float, Floats]:
    """Return the mean of -log(softmax probability of the right class), and its gradient, as `hinge` does."""
    _check(scores, targets)
    log_probabilities = log_softmax(scores, axis=1)  # not the logarithm of a probability that may have become 0
    rows = np.arange(len(scores))
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return float(-log_probabilities[rows, targets].mean()), gradient / len(scores)


LOSSES: dict[str, Loss] = {"hinge": hinge, "squared hinge": partial(hinge, power=2), "cross-entropy": cross_entropy}


def _check(scores: Floats, targets: Classes) -> None:
    fitting = scores.ndim == 2 and scores.size > 0 and targets.shape == scores.shape[:1]
    if not fitting or targets.min() < 0 or targets.max() >= scores.shape[1]:
        raise UsageError(f"scores must be [N, classes], targets [N] below classes. Received: {scores.shape}, {targets}")


# Scores of three classes, of which the first is right.
EXAMPLES = {"right by a margin": (4, 1.5, -2), "right, but close": (2, 1.6, -1), "undecided": (0, 0, 0)}
WRONG = (-1, 2.5, 0.5)


def main() -> None:
    """Print the three losses of a few rows of scores, and their gradients where the scores are wrong."""
    print(f"{'the first class is right':<26}{'scores':<16}{''.join(f'{name:>15}' for name in LOSSES)}")
    for case, row in (EXAMPLES | {"wrong": WRONG}).items():
        values = [loss(np.array([row]), np.array([0]))[0] for loss in LOSSES.values()]
        print(f"{case:<26}{row!s:<16}{''.join(f'{value:>15.4f}' for value in values)}")
    print("\ngradient where it is wrong: each score should move against it")
    for name, loss in LOSSES.items():
        print(f"{name:<26}{loss(np.array([WRONG]), np.array([0]))[1][0].round(2)}")


if __name__ == "__main__":
    main()
