"""Hinge, squared hinge and cross-entropy: how wrong the scores of a classifier are, and in which direction.

Command:   python -m training.fundamentals.losses
Source:    Deep Learning for Computer Vision with Python, Starter Bundle, chapter 8
Expected:  the hinge is content with a margin of 1, the cross-entropy never quite; all grow with what is wrong
Time here: 0.2 seconds
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.cli import DONE
from edge.errors import UsageError
from training.fundamentals.command import command_parser, run_command

Loss = Callable[[NDArray[np.float64], NDArray[np.int64]], tuple[float, NDArray[np.float64]]]

# What the margin of the right class over every other must be for the hinge to be zero.
MARGIN = 1.0


def hinge(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return the mean over samples of the sum over wrong classes of max(0, score - right score + 1).

    `scores` are [N, classes], `targets` [N] the indices of the right classes; the second result is the gradient
    with respect to `scores`, of their shape. Where the maximum has a kink, its gradient is taken as 0. After
    J. Weston, C. Watkins, Support Vector Machines for Multi-Class Pattern Recognition, ESANN, 1999. Raises
    UsageError if the arrays do not belong together.
    """
    excess = _excess(scores, targets)
    return float(excess.sum(axis=1).mean()), _by_scores((excess > 0).astype(np.float64), targets)


def squared_hinge(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return the same as `hinge` with every max(0, ...) squared, so that large violations weigh more."""
    excess = _excess(scores, targets)
    return float((excess**2).sum(axis=1).mean()), _by_scores(2 * excess, targets)


def cross_entropy(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return the mean of -log(softmax probability of the right class), and its gradient as `hinge` does.

    The logarithm is taken of the sum, never of a probability that may have become 0.
    """
    _check(scores, targets)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(scores))
    gradient = np.exp(log_probabilities)
    gradient[rows, targets] -= 1
    return float(-log_probabilities[rows, targets].mean()), gradient / len(scores)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities [N, classes] in proportion to exp(`scores`); each row sums to 1."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


LOSSES: dict[str, Loss] = {"hinge": hinge, "squared hinge": squared_hinge, "cross-entropy": cross_entropy}


def _excess(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by how much each score is past where the margin would have it, [N, classes]; 0 for the right class."""
    _check(scores, targets)
    excess: NDArray[np.float64] = np.maximum(0, scores - scores[np.arange(len(scores)), targets][:, None] + MARGIN)
    excess[np.arange(len(scores)), targets] = 0
    return excess


def _by_scores(by_excess: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the gradient of the mean by the scores; each excess falls as the score of the right class rises."""
    gradient = by_excess.copy()
    gradient[np.arange(len(targets)), targets] = -by_excess.sum(axis=1)
    return gradient / len(targets)


def _check(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> None:
    if scores.ndim != 2 or targets.shape != scores.shape[:1] or not scores.size:
        raise UsageError(
            f"scores must be [N, classes] and targets [N], none empty. Received: {scores.shape} and {targets.shape}"
        )
    if targets.min() < 0 or targets.max() >= scores.shape[1]:
        raise UsageError(f"targets must be 0 to {scores.shape[1] - 1}. Received: {targets.min()} to {targets.max()}")


EXAMPLES = {
    "right by a margin": (4.0, 1.5, -2.0),
    "right, but close": (2.0, 1.6, -1.0),
    "undecided": (0.0, 0.0, 0.0),
    "wrong": (-1.0, 2.5, 0.5),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the three losses of a few rows of scores, and where each would push the scores of the last."""
    return run_command(command_parser("losses", __doc__), argv, _show)


def _show(_: argparse.Namespace) -> int:
    target = np.array([0])
    print(f"{'the first class is right':<26}{'scores':<22}{''.join(f'{name:>15}' for name in LOSSES)}")
    for case, row in EXAMPLES.items():
        values = [loss(np.array([row]), target)[0] for loss in LOSSES.values()]
        print(f"{case:<26}{_numbers(row):<22}{''.join(f'{value:>15.4f}' for value in values)}")
    print("\ngradient where it is wrong: each score should move against it")
    for name, loss in LOSSES.items():
        print(f"{name:<26}{_numbers(loss(np.array([EXAMPLES['wrong']]), target)[1][0])}")
    return DONE


def _numbers(row: Sequence[float] | NDArray[np.float64]) -> str:
    return " ".join(f"{value:6.2f}" for value in row)


if __name__ == "__main__":
    sys.exit(main())
