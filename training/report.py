"""Say how well a network did, class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


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
