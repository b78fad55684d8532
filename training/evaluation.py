"""`Evaluation`: all that can be said of a network from its answers to labelled images."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset import Dataset
from training.held_out import targets_among
from training.reliability import Bin, expected_calibration_error, reliability_bins
from training.report import Report, make_report

# The quantile of the normal distribution that leaves 2.5 % on either side.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """The ends of an interval of shares, 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Mistake:
    """One image that was taken for something else; `row` is its place in the data set, `confidence` 0 to 1."""

    row: int
    name: str
    true: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class Answers:
    """What is left where the model is unsure `below` a probability; accuracy is None if it answers nothing."""

    below: float
    answered: float
    accuracy: float | None


@dataclass(frozen=True)
class Evaluation:
    """What was found; `mistakes` begin with the one that the network was surest of.

    `answers` is None for a model that is never unsure.
    """

    report: Report
    accuracy_interval: Interval
    calibration_error: float
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]
    answers: Answers | None


def evaluate(
    dataset: Dataset, labels: tuple[str, ...], probabilities: NDArray[np.float32], abstain_below: float | None
) -> Evaluation:
    """Return what `probabilities` [N, classes], in the order of `labels`, say of the images of `dataset`.

    Of these, images whose best probability is less than `abstain_below` count as unanswered in `answers` alone.
    """
    targets = targets_among(dataset, labels)
    predicted = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1).astype(np.float64)
    bins = reliability_bins(confidences, predicted == targets)
    wrong = np.flatnonzero(predicted != targets)
    return Evaluation(
        report=make_report(labels, targets, probabilities),
        accuracy_interval=wilson_interval(len(targets) - len(wrong), len(targets)),
        calibration_error=expected_calibration_error(bins),
        bins=bins,
        mistakes=tuple(
            Mistake(int(row), dataset.names[row], labels[targets[row]], labels[predicted[row]], float(confidences[row]))
            for row in wrong[np.argsort(-confidences[wrong], kind="stable")]
        ),
        answers=None if abstain_below is None else _answers(confidences, predicted == targets, abstain_below),
    )


def _answers(confidences: NDArray[np.float64], correct: NDArray[np.bool_], below: float) -> Answers:
    given = confidences >= below
    return Answers(below, float(given.mean()), float(correct[given].mean()) if given.any() else None)


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a share (E. Wilson, Probable Inference, JASA 22, 1927).

    Unlike the textbook's, it stays between 0 and 1 and is honest where all or none succeeded.
    """
    share = successes / trials
    scale = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / scale
    half = Z_95 * math.sqrt(share * (1 - share) / trials + (Z_95 / (2 * trials)) ** 2) / scale
    return Interval(max(centre - half, 0.0), min(centre + half, 1.0))
