"""From the probabilities for labelled images to a report, and to the files that show it."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge.files import replacing
from edge.image import decode_image
from training.data.dataset import Dataset
from training.report.plots import draw_confusion, draw_mistakes, draw_reliability, save_figure
from training.report.report import SUSPECT_COLUMNS, Answers, Bin, ClassReport, Interval, Report

# As in the experiments of C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks, 2017.
BINS = 15
# A picture that is called something else with at least this probability may well be labelled wrong.
SUSPECT_PROBABILITY = 0.9
# Four rows of five; all are in mistakes.json.
PICTURED_MISTAKES = 20


class Mistake(NamedTuple):
    """One image with a wrong prediction; `row` is its index in the data set, `confidence` 0 to 1."""

    row: int
    name: str
    true: str
    predicted: str
    confidence: float


class Evaluation(NamedTuple):
    """The report, and all mistakes, the most confident first."""

    report: Report
    mistakes: tuple[Mistake, ...]


def evaluate(
    names: tuple[str, ...],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    probabilities: NDArray[np.float32],
    reject_threshold: float | None,
    dataset: str = "",
    evaluated_on: str | None = None,
) -> Evaluation:
    """Return what `probabilities` [N, classes], in the order of `labels`, say of images of the classes `targets` [N].

    The data set is called `dataset`, and `evaluated_on` says which part of it this is. Images whose best probability is
    below `reject_threshold` count as unanswered in `answers` only.
    """
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
    correct = predicted == targets
    wrong = np.flatnonzero(~correct)
    mistakes = tuple(
        Mistake(int(row), names[row], labels[targets[row]], labels[predicted[row]], float(confidences[row]))
        for row in wrong[np.argsort(-confidences[wrong], kind="stable")]
    )
    answers = None
    if reject_threshold is not None:
        answered = confidences >= reject_threshold
        accuracy = float(correct[answered].mean()) if answered.any() else None
        answers = Answers(reject_threshold, float(answered.mean()), accuracy)
    interval = binomtest(int(correct.sum()), len(targets)).proportion_ci(method="wilson")
    bins = reliability_bins(confidences, correct)
    indices = np.arange(len(labels))
    scores = precision_recall_fscore_support(targets, predicted, labels=indices, zero_division=0.0)
    report = Report(
        dataset=dataset,
        evaluated_on=evaluated_on,
        accuracy=float(correct.mean()),
        baseline_accuracy=float(np.bincount(targets).max() / len(targets)),
        images=len(targets),
        classes=tuple(
            ClassReport(label, float(precision), float(recall), float(f1), int(support))
            for label, precision, recall, f1, support in zip(labels, *scores, strict=True)
        ),
        confusion=tuple(tuple(row) for row in confusion_matrix(targets, predicted, labels=indices).tolist()),
        accuracy_interval=Interval(float(interval.low), float(interval.high)),
        # Equation 3 of the paper: the mean distance of confidence and accuracy.
        calibration_error=sum(b.images * abs(b.confidence - b.accuracy) for b in bins) / len(targets),
        bins=bins,
        mistakes=len(mistakes),
        suspects=sum(mistake.confidence >= SUSPECT_PROBABILITY for mistake in mistakes),
        answers=answers,
    )
    return Evaluation(report, mistakes)


def reliability_bins(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return those of 15 bins of equal width that have any of the top-1 `confidences` [N], 0 to 1."""
    edges = np.linspace(0, 1, BINS + 1)
    indices = np.digitize(confidences, edges[1:-1], right=True)
    bins = []
    for index in np.unique(indices):
        inside = indices == index
        means = float(confidences[inside].mean()), float(correct[inside].mean())
        bins.append(Bin(float(edges[index]), float(edges[index + 1]), int(inside.sum()), *means))
    return tuple(bins)


def write_evaluation(evaluation: Evaluation, dataset: Dataset, model: str, folder: Path) -> None:
    """Write all files of an evaluation of `model` on `dataset`; those of an earlier one are replaced.

    The rows of the evaluation are those of `dataset`. There is no picture of mistakes where there are none.
    """
    report, shown = evaluation.report, evaluation.mistakes[:PICTURED_MISTAKES]
    figures = {"confusion.png": draw_confusion(report, model), "reliability.png": draw_reliability(report, model)}
    (folder / "mistakes.png").unlink(missing_ok=True)
    if shown:
        pictures = [decode_image(dataset.read(mistake.row)).pixels for mistake in shown]
        title = f"{model}: the {len(shown)} surest of {report.mistakes:,} mistakes"
        figures["mistakes.png"] = draw_mistakes(shown, pictures, title)
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    rows = [{key: value for key, value in m._asdict().items() if key != "row"} for m in evaluation.mistakes]
    texts = {
        "mistakes.json": json.dumps(rows, indent=2),
        "suspects.csv": _suspects(evaluation, dataset),
        "report.json": json.dumps(to_builtins(report), indent=2),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def _suspects(evaluation: Evaluation, dataset: Dataset) -> str:
    """Return the images that are probably labelled wrong as CSV, the surest first, which `eyespot annotate` opens."""
    table = csv.writer(text := StringIO(), lineterminator="\n")
    table.writerow(SUSPECT_COLUMNS)
    for mistake in evaluation.mistakes[: evaluation.report.suspects]:
        source = dataset.sources[mistake.row]
        path = str(Path(source).absolute()) if isinstance(source, str) else mistake.name
        table.writerow((path, mistake.true, mistake.predicted, f"{mistake.confidence:.4f}"))
    return text.getvalue()
