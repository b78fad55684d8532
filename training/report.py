"""Say how well a network did, class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge.spec import MOST_CONFUSIONS, ClassCounts, Confusion


@dataclass(frozen=True)
class ClassReport:
    """One class: precision, recall and F1 from 0 to 1, and how many images it had."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Report:
    """All classes. `confusion[i][j]` counts images of class i that were called class j."""

    accuracy: float
    images: int
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]


def make_report(labels: tuple[str, ...], targets: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Report:
    """Return the report for `probabilities` [N, classes] of images whose classes are `targets` [N]."""
    predicted = probabilities.argmax(axis=1)
    indices = np.arange(len(labels))
    scores = precision_recall_fscore_support(targets, predicted, labels=indices, zero_division=0.0)
    return Report(
        accuracy=float((predicted == targets).mean()),
        images=len(targets),
        classes=tuple(
            ClassReport(label, float(precision), float(recall), float(f1), int(support))
            for label, precision, recall, f1, support in zip(labels, *scores, strict=True)
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(targets, predicted, labels=indices)),
    )


def count_classes(report: Report) -> ClassCounts:
    """Return what of a report travels inside the artifact; equally frequent confusions stay in the order of labels."""
    matrix = np.array(report.confusion, np.int64)
    confused = matrix.copy()
    np.fill_diagonal(confused, 0)
    frequent = np.argsort(-confused, axis=None, kind="stable")[: min(MOST_CONFUSIONS, np.count_nonzero(confused))]
    return ClassCounts(
        support=tuple(map(int, matrix.sum(axis=1))),
        predicted=tuple(map(int, matrix.sum(axis=0))),
        correct=tuple(map(int, matrix.diagonal())),
        confusions=tuple(
            Confusion(int(true), int(predicted), int(confused[true, predicted]))
            for true, predicted in zip(*np.unravel_index(frequent, confused.shape), strict=True)
        ),
    )
