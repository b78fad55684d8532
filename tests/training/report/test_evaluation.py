"""Figures against scikit-learn and NumPy; mistakes, suspects and files that can be opened."""

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from tests.training.conftest import save_picture
from training.data.folder import load_folder
from training.report.evaluation import evaluate, write_evaluation

LABELS = ("ape", "bee", "cat", "dog")
CHANCE = np.random.default_rng(4)
TARGETS = np.array([0] * 30 + [1] * 20 + [2] * 10)  # no picture is of the last class
LOGITS = 1.5 * np.eye(4)[TARGETS] + CHANCE.normal(0, 1, (60, 4))
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)).astype(np.float32)
CONFIDENT, CORRECT = PROBABILITIES.max(1).astype(np.float64), PROBABILITIES.argmax(1) == TARGETS
NAMES = tuple(f"{i}.png" for i in range(60))


def test_figures_are_scikit_learns() -> None:
    report, predicted = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None).report, PROBABILITIES.argmax(1)
    expected = classification_report(
        TARGETS, predicted, labels=range(4), target_names=LABELS, output_dict=True, zero_division=0.0
    )
    for row in report.classes:
        oracle = expected[row.label]
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(
            [oracle["precision"], oracle["recall"], oracle["f1-score"], oracle["support"]]
        )
    assert report.accuracy == accuracy_score(TARGETS, predicted)
    assert report.baseline_accuracy == 0.5
    assert np.array_equal(report.confusion, confusion_matrix(TARGETS, predicted, labels=range(4)))
    json.dumps(msgspec.to_builtins(report), allow_nan=False)


def test_the_interval_is_wilsons() -> None:
    """E. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927."""
    report, z = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None).report, 1.959963984540054
    share = CORRECT.mean()
    centre = (share + z**2 / 120) / (1 + z**2 / 60)
    half = z * np.sqrt(share * (1 - share) / 60 + (z / 120) ** 2) / (1 + z**2 / 60)
    assert [report.accuracy_interval.low, report.accuracy_interval.high] == pytest.approx(
        [centre - half, centre + half]
    )


def test_the_calibration_error_is_the_mean_gap_of_fifteen_bins() -> None:
    report, total = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None).report, 0.0
    for i in range(15):
        inside = (i / 15 < CONFIDENT) & ((i + 1) / 15 >= CONFIDENT)
        if inside.any():
            total += inside.sum() * abs(CONFIDENT[inside].mean() - CORRECT[inside].mean())
    assert report.calibration_error == pytest.approx(total / 60)
    assert sum(b.images for b in report.bins) == 60


def test_mistakes_begin_with_the_surest() -> None:
    mistakes = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None).mistakes
    assert {mistake.row for mistake in mistakes} == set(np.flatnonzero(~CORRECT))
    confidences = [mistake.confidence for mistake in mistakes]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in mistakes:
        row = PROBABILITIES[mistake.row]
        assert (mistake.name, mistake.true) == (NAMES[mistake.row], LABELS[TARGETS[mistake.row]])
        assert (mistake.predicted, mistake.confidence) == (LABELS[row.argmax()], pytest.approx(row.max()))


@pytest.mark.parametrize("below", [0.0, 0.6, 1.1])
def test_answers_are_those_above_the_threshold(below: float) -> None:
    answers, answered = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, below).report.answers, below <= CONFIDENT
    assert answers
    assert answers.answered == answered.mean()
    assert answers.accuracy == (CORRECT[answered].mean() if answered.any() else None)


def test_suspects_are_what_is_surely_called_something_else(tmp_path: Path) -> None:
    for i, label in enumerate(("ape", "ape", "bee", "bee", "bee")):
        save_picture(tmp_path / "pets" / label / f"{i}, \u00e9.png", 40 * i)
    dataset, out = load_folder(tmp_path / "pets"), tmp_path / "out"
    sure = np.array([[0.99, 0.01], [0.05, 0.95], [0.2, 0.8], [0.97, 0.03], [0.85, 0.15]], np.float32)
    found = evaluate(dataset.names, dataset.targets, dataset.labels, sure, None, dataset.name, "out-of-fold")
    write_evaluation(found, dataset, "model", out)
    with (out / "suspects.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["path"]).name[0], row["label"], row["predicted"]) for row in rows] == [
        ("3", "bee", "ape"),
        ("1", "ape", "bee"),
    ]
    assert all(Path(row["path"]).is_absolute() and Path(row["path"]).is_file() for row in rows)
    assert [float(row["probability"]) for row in rows] == pytest.approx([0.97, 0.95], abs=1e-4)
    record = json.loads((out / "report.json").read_text())
    assert (record["mistakes"], record["suspects"], record["evaluated_on"]) == (3, 2, "out-of-fold")
    confidences = [row["confidence"] for row in json.loads((out / "mistakes.json").read_text())]
    assert confidences == pytest.approx([0.97, 0.95, 0.85])
    for name in ("confusion.png", "reliability.png", "mistakes.png"):
        with Image.open(out / name) as image:
            image.load()
            assert (image.format, image.width > 400) == ("PNG", True)
    right = np.eye(2, dtype=np.float32)[dataset.targets]
    write_evaluation(evaluate(dataset.names, dataset.targets, dataset.labels, right, None), dataset, "model", out)
    assert not (out / "mistakes.png").exists()
    assert len((out / "suspects.csv").read_text().splitlines()) == 1
