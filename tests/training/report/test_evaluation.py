"""Figures against scikit-learn and SciPy; mistakes, suspects and files that can be opened."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from export.quiet_tensorflow import start_tensorflow
from tests.training.conftest import save_picture

start_tensorflow()
from training.data.folder import load_folder
from training.report.evaluation import evaluate, wilson_interval, write_evaluation

LABELS = ("ape", "bee", "cat", "dog")
CHANCE = np.random.default_rng(4)
TARGETS = np.array([0] * 30 + [1] * 20 + [2] * 10)  # no picture is of the last class
LOGITS = 1.5 * np.eye(4)[TARGETS] + CHANCE.normal(0, 1, (60, 4))
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)).astype(np.float32)
NAMES = tuple(f"{i}.png" for i in range(60))


def test_figures_are_scikit_learns() -> None:
    found, predicted = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None), PROBABILITIES.argmax(1)
    expected = classification_report(
        TARGETS, predicted, labels=range(4), target_names=LABELS, output_dict=True, zero_division=0.0
    )
    for row in found.report.classes:
        oracle = expected[row.label]
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(
            [oracle["precision"], oracle["recall"], oracle["f1-score"], oracle["support"]]
        )
    assert found.report.accuracy == accuracy_score(TARGETS, predicted)
    assert found.report.baseline_accuracy == 0.5
    assert np.array_equal(found.report.confusion, confusion_matrix(TARGETS, predicted, labels=range(4)))
    assert found.answers is None
    json.dumps(found.as_record("made", "test"), allow_nan=False)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (5, 5), (37, 60), (999, 1000)])
def test_the_interval_is_wilsons(successes: int, trials: int) -> None:
    oracle = binomtest(successes, trials).proportion_ci(method="wilson")
    assert list(asdict(wilson_interval(successes, trials)).values()) == pytest.approx(
        [oracle.low, oracle.high], abs=1e-9
    )


def test_mistakes_begin_with_the_surest() -> None:
    found = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, None)
    wrong = np.flatnonzero(PROBABILITIES.argmax(1) != TARGETS)
    assert {mistake.row for mistake in found.mistakes} == set(wrong)
    confidences = [mistake.confidence for mistake in found.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in found.mistakes:
        row = PROBABILITIES[mistake.row]
        assert (mistake.name, mistake.true) == (NAMES[mistake.row], LABELS[TARGETS[mistake.row]])
        assert (mistake.predicted, mistake.confidence) == (LABELS[row.argmax()], pytest.approx(row.max()))


@pytest.mark.parametrize(("below", "answered"), [(0.0, 60), (0.6, None), (1.1, 0)])
def test_answers_are_those_above_the_threshold(below: float, answered: int | None) -> None:
    answers = evaluate(NAMES, TARGETS, LABELS, PROBABILITIES, below).answers
    given = PROBABILITIES.max(1) >= below
    assert answers
    assert answers.answered == given.mean() == (given.mean() if answered is None else answered / 60)
    right = (PROBABILITIES.argmax(1) == TARGETS)[given]
    assert answers.accuracy == (right.mean() if len(right) else None)


def test_suspects_are_what_is_surely_called_something_else(tmp_path: Path) -> None:
    for i, label in enumerate(("ape", "ape", "bee", "bee", "bee")):
        save_picture(tmp_path / "pets" / label / f"{i}, \u00e9.png", 40 * i)
    dataset = load_folder(tmp_path / "pets")
    sure = np.array([[0.99, 0.01], [0.05, 0.95], [0.2, 0.8], [0.97, 0.03], [0.85, 0.15]], np.float32)
    found = evaluate(dataset.names, dataset.targets, dataset.labels, sure, None)
    write_evaluation(found, dataset, "model", tmp_path / "out", "out-of-fold")
    with (tmp_path / "out" / "suspects.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["path"]).name[0], row["label"], row["predicted"]) for row in rows] == [
        ("3", "bee", "ape"),
        ("1", "ape", "bee"),
    ]
    assert all(Path(row["path"]).is_absolute() and Path(row["path"]).is_file() for row in rows)
    assert [float(row["probability"]) for row in rows] == pytest.approx([0.97, 0.95], abs=1e-4)
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (record["mistakes"], record["suspects"], record["evaluated_on"]) == (3, 2, "out-of-fold")
    assert [row["confidence"] for row in json.loads((tmp_path / "out" / "mistakes.json").read_text())] == pytest.approx(
        [0.97, 0.95, 0.85]
    )
    for name in ("confusion.png", "reliability.png", "mistakes.png"):
        with Image.open(tmp_path / "out" / name) as image:
            image.load()
            assert (image.format, image.width > 400) == ("PNG", True)
    right = np.eye(2, dtype=np.float32)[dataset.targets]
    write_evaluation(
        evaluate(dataset.names, dataset.targets, dataset.labels, right, None), dataset, "model", tmp_path / "out"
    )
    assert not (tmp_path / "out" / "mistakes.png").exists()
    assert len((tmp_path / "out" / "suspects.csv").read_text().splitlines()) == 1
