"""`Evaluation`: all that can be said of a classifier from its answers to labelled images."""

import csv
import json
import math
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge.files import replacing
from edge.image import decode_image
from edge.spec import MOST_CONFUSIONS, ClassCounts, Confusion
from training.data.dataset import Dataset
from training.report.calibration import Bin, expected_calibration_error, reliability_bins
from training.report.plots import draw_confusion, draw_mistakes, draw_reliability, save_figure

# The quantile of the normal distribution that leaves 2.5 % on either side.
Z_95 = 1.959963984540054
# A picture that is called something else with at least this probability may well be labelled wrong.
SUSPECT_PROBABILITY = 0.9
# Four rows of five; the rest is in mistakes.json.
PICTURED_MISTAKES = 20


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
    """All classes. `confusion[i][j]` counts images of class i that were called class j.

    `baseline_accuracy` is what always answering the commonest class gives.
    """

    accuracy: float
    baseline_accuracy: float
    images: int
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]

    def count_classes(self) -> ClassCounts:
        """Return what travels inside the artifact; equally frequent confusions stay in the order of labels."""
        matrix = np.array(self.confusion, np.int64)
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

    def as_record(self, dataset: str, evaluated_on: str | None) -> dict[str, Any]:
        """Return the JSON object of report.json; all shares are from 0 to 1."""
        return {
            "dataset": dataset,
            "evaluated_on": evaluated_on,
            **asdict(self.report),
            "accuracy_interval": asdict(self.accuracy_interval),
            "calibration_error": self.calibration_error,
            "bins": [asdict(b) for b in self.bins],
            "mistakes": len(self.mistakes),
            "suspects": count_suspects(self),
            "answers": asdict(self.answers) if self.answers else None,
        }


def evaluate(
    names: tuple[str, ...],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    probabilities: NDArray[np.float32],
    reject_below: float | None,
) -> Evaluation:
    """Return what `probabilities` [N, classes], in the order of `labels`, say of images of the classes `targets` [N].

    Of these, images whose best probability is less than `reject_below` count as unanswered in `answers` alone.
    """
    predicted = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1).astype(np.float64)
    correct = predicted == targets
    bins = reliability_bins(confidences, correct)
    wrong = np.flatnonzero(~correct)
    answers = None
    if reject_below is not None:
        given = confidences >= reject_below
        accuracy = float(correct[given].mean()) if given.any() else None
        answers = Answers(reject_below, float(given.mean()), accuracy)
    return Evaluation(
        report=_make_report(labels, targets, predicted),
        accuracy_interval=wilson_interval(int(correct.sum()), len(targets)),
        calibration_error=expected_calibration_error(bins),
        bins=bins,
        mistakes=tuple(
            Mistake(int(row), names[row], labels[targets[row]], labels[predicted[row]], float(confidences[row]))
            for row in wrong[np.argsort(-confidences[wrong], kind="stable")]
        ),
        answers=answers,
    )


def _make_report(labels: tuple[str, ...], targets: NDArray[np.int64], predicted: NDArray[np.int64]) -> Report:
    indices = np.arange(len(labels))
    scores = precision_recall_fscore_support(targets, predicted, labels=indices, zero_division=0.0)
    return Report(
        accuracy=float((predicted == targets).mean()),
        baseline_accuracy=float(np.bincount(targets).max() / len(targets)),
        images=len(targets),
        classes=tuple(
            ClassReport(label, float(precision), float(recall), float(f1), int(support))
            for label, precision, recall, f1, support in zip(labels, *scores, strict=True)
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(targets, predicted, labels=indices)),
    )


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a share (E. Wilson, Probable Inference, JASA 22, 1927).

    Unlike the textbook's, it stays between 0 and 1 and is honest where all or none succeeded.
    """
    share = successes / trials
    scale = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / scale
    half = Z_95 * math.sqrt(share * (1 - share) / trials + (Z_95 / (2 * trials)) ** 2) / scale
    return Interval(max(centre - half, 0.0), min(centre + half, 1.0))


def write_evaluation(
    evaluation: Evaluation, dataset: Dataset, model: str, folder: Path, evaluated_on: str | None = None
) -> None:
    """Write all files of an evaluation of `model` on `dataset`; those of an earlier one are replaced.

    The rows of the evaluation are those of `dataset`. There is no picture of mistakes where there are none.
    """
    report = evaluation.report
    title = f"{model}: {report.accuracy:.2%} of {report.images:,} images (guessing: {report.baseline_accuracy:.2%})"
    save_figure(draw_confusion(report, title), folder / "confusion.png")
    calibrated = f"{model}: calibration error {evaluation.calibration_error:.2%}"
    save_figure(draw_reliability(evaluation, calibrated), folder / "reliability.png")
    rows = [{key: value for key, value in asdict(mistake).items() if key != "row"} for mistake in evaluation.mistakes]
    _write(folder / "mistakes.json", json.dumps(rows, indent=2))
    _write(folder / "suspects.csv", _suspects(evaluation, dataset))
    _write(folder / "report.json", json.dumps(evaluation.as_record(dataset.name, evaluated_on), indent=2))
    shown, count = evaluation.mistakes[:PICTURED_MISTAKES], len(evaluation.mistakes)
    if not shown:
        (folder / "mistakes.png").unlink(missing_ok=True)
        return
    pictures = [decode_image(dataset.read(mistake.row)).pixels for mistake in shown]
    some = (
        f"the {len(shown)} surest of {count:,} mistakes" if count > len(shown) else f"mistakes ({count}), surest first"
    )
    save_figure(draw_mistakes(shown, pictures, f"{model}: {some}"), folder / "mistakes.png")


def count_suspects(evaluation: Evaluation) -> int:
    """Return how many images are probably labelled wrong."""
    return sum(mistake.confidence >= SUSPECT_PROBABILITY for mistake in evaluation.mistakes)


def _suspects(evaluation: Evaluation, dataset: Dataset) -> str:
    """Return the images that are probably labelled wrong as CSV, the surest first, which `eyespot annotate` opens."""
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("path", "label", "predicted", "probability"))
    for mistake in evaluation.mistakes[: count_suspects(evaluation)]:
        source = dataset.sources[mistake.row]
        path = str(Path(source).absolute()) if isinstance(source, str) else mistake.name
        table.writerow((path, mistake.true, mistake.predicted, f"{mistake.confidence:.4f}"))
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
