"""Decide below which probability a model had better not answer, by what that costs and gains on known pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError

# Thresholds are rounded down to four digits, so that the last picture answered is not lost to another rounding.
ROUNDING = 10_000


@dataclass(frozen=True)
class Abstention:
    """A threshold, with what it was found to do: accuracy of the answers given, and the share that is given."""

    below: float
    accuracy: float
    answered: float


def find_abstention(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], wanted_accuracy: float
) -> Abstention:
    """Return the lowest threshold at which the answers given are right in `wanted_accuracy` of all cases.

    Raises UsageError if no threshold reaches it.
    """
    right = probabilities.argmax(axis=1) == targets
    # Rounded down as the threshold will be: whatever is above that is answered, however close they are.
    confidence = np.floor(probabilities.max(axis=1).astype(np.float64) * ROUNDING) / ROUNDING
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold cannot part pictures of equal confidence.
    last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    good = np.flatnonzero((accuracy >= wanted_accuracy) & last_of_equals)
    if not len(good):
        raise UsageError(f"no threshold makes {wanted_accuracy:.2%} of the held-out answers right; ask for less")
    kept = int(good[-1])
    return Abstention(float(confidence[order][kept]), float(accuracy[kept]), (kept + 1) / len(order))
