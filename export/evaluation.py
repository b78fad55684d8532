"""Accuracy, confusions, temperature and threshold, from probabilities and the classes that pictures show.

Arguments are `probabilities` float32 [N, classes] and `targets` int64 [N].
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.spec import ClassCounts, Confusion, TrainingRecord

Rows = NDArray[np.float32]

ELSEWHERE = "trained elsewhere"
# A confusion matrix of 20 classes has 380 cells off its diagonal.
MOST_CONFUSIONS = 400
# A network that knows nothing would drive the fit without end, and one of too few pictures to either side.
COOLEST, HOTTEST = 0.05, 20.0
SMALLEST = 1e-12
# Each step of the search for a temperature leaves 0.618 of the interval.
STEPS = 40
GOLDEN = (math.sqrt(5) - 1) / 2
# Thresholds are rounded down to four digits, so that the last picture answered is not lost to another rounding.
ROUNDING = 10_000


def accuracy_of(probabilities: Rows, targets: NDArray[np.int64]) -> float:
    """Return the share, 0 to 1, of the pictures whose best class is the target."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def record_of(
    probabilities: Rows, targets: NDArray[np.int64], dataset: str, data_digest: str, temperature: float
) -> TrainingRecord:
    """Return the record of a network that was trained elsewhere."""
    return TrainingRecord(
        recipe=ELSEWHERE,
        dataset=dataset,
        data_digest=data_digest,
        training_images=0,
        evaluation_images=len(targets),
        accuracy=accuracy_of(probabilities, targets),
        epochs=0,
        seed=0,
        temperature=temperature,
        classes=count_classes(probabilities.argmax(axis=1), targets, probabilities.shape[1]),
    )


def count_classes(called: Sequence[int] | NDArray[np.int64], targets: NDArray[np.int64], classes: int) -> ClassCounts:
    """Return how often each of `classes` was shown, predicted (`called` [N]) and correct, and the confusions."""
    called = np.asarray(called)
    wrong = Counter((int(t), int(c)) for t, c in zip(targets, called, strict=True) if t != c)
    most = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:MOST_CONFUSIONS]
    return ClassCounts(
        support=tuple(map(int, np.bincount(targets, minlength=classes))),
        predicted=tuple(map(int, np.bincount(called, minlength=classes))),
        correct=tuple(map(int, np.bincount(targets[called == targets], minlength=classes))),
        confusions=tuple(Confusion(true, predicted, count) for (true, predicted), count in most),
    )


def fit_temperature(probabilities: Rows, targets: NDArray[np.int64]) -> float:
    """Return the temperature that makes `targets` likeliest, given `probabilities` at temperature 1.

    Each target counts as right in N + 1 of N + 2 cases (J. Platt, Probabilistic Outputs for Support Vector Machines,
    1999), so that a network without a mistake on N pictures is not taken to be sure of everything. The cost is convex
    in 1 / temperature; a golden-section search finds its minimum.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    doubt = 1 / (len(targets) + 2)
    shares = np.full(logits.shape, doubt / (logits.shape[1] - 1))
    shares[np.arange(len(targets)), targets] = 1 - doubt

    def cost(log_temperature: float) -> float:
        cooled = logits / np.exp(log_temperature)
        log_sum = np.log(np.exp(cooled - cooled.max(axis=1, keepdims=True)).sum(axis=1)) + cooled.max(axis=1)
        return float((log_sum - (shares * cooled).sum(axis=1)).mean())

    low, high = math.log(COOLEST), math.log(HOTTEST)
    for _ in range(STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return math.exp((low + high) / 2)


def find_threshold(probabilities: Rows, targets: NDArray[np.int64], wanted_accuracy: float) -> float:
    """Return the lowest probability from which on answers are right in `wanted_accuracy` (0 to 1) of all cases.

    Raises UsageError if no threshold reaches it.
    """
    right = probabilities.argmax(axis=1) == targets
    # Rounded down as the threshold will be: all that is above it is answered, however close.
    confidence = np.floor(probabilities.max(axis=1).astype(np.float64) * ROUNDING) / ROUNDING
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold cannot separate pictures of equal confidence.
    last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    good = np.flatnonzero((accuracy >= wanted_accuracy) & last_of_equals)
    if not len(good):
        raise UsageError(f"no threshold makes {wanted_accuracy:.2%} of the answers right; ask for less")
    return float(confidence[order][good[-1]])
