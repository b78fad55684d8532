"""The report against numbers worked out by hand, and against NumPy on random answers."""

import numpy as np
import pytest

from edge.spec import Confusion
from training.report import ClassReport, count_classes, make_report


def certain(predicted: list[int], classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[predicted]


def test_a_small_matrix_is_as_worked_out_by_hand() -> None:
    # cat: 2 of 3 found, 2 of 3 calls right; dog: 1 of 2 found, 1 of 2 calls right; owl: 1 of 1, 1 of 1.
    targets = np.array([0, 0, 0, 1, 1, 2])
    report = make_report(("cat", "dog", "owl"), targets, certain([0, 0, 1, 0, 1, 2], 3))
    assert (report.accuracy, report.images) == (pytest.approx(4 / 6), 6)
    assert report.confusion == ((2, 1, 0), (1, 1, 0), (0, 0, 1))
    third = pytest.approx(2 / 3)
    assert report.classes == (
        ClassReport("cat", third, third, third, 3),
        ClassReport("dog", 0.5, 0.5, 0.5, 2),
        ClassReport("owl", 1.0, 1.0, 1.0, 1),
    )


def test_a_class_that_is_never_called_has_precision_zero_and_no_warning() -> None:
    report = make_report(("cat", "dog"), np.array([0, 1, 1]), certain([0, 0, 0], 2))
    assert report.classes == (
        ClassReport("cat", pytest.approx(1 / 3), 1.0, pytest.approx(0.5), 1),
        ClassReport("dog", 0.0, 0.0, 0.0, 2),
    )


def test_a_class_that_does_not_occur_keeps_its_row() -> None:
    report = make_report(("cat", "dog", "owl"), np.array([0, 1]), certain([0, 1], 3))
    assert report.confusion == ((1, 0, 0), (0, 1, 0), (0, 0, 0))
    assert report.classes[2] == ClassReport("owl", 0.0, 0.0, 0.0, 0)


def test_random_answers_are_counted_as_numpy_counts() -> None:
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 5, 300)
    probabilities = chance.dirichlet(np.ones(5), 300).astype(np.float32)
    report = make_report(tuple("abcde"), targets, probabilities)
    called = probabilities.argmax(axis=1)
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (targets, called), 1)
    assert np.array_equal(report.confusion, confusion)
    assert report.accuracy == pytest.approx(np.trace(confusion) / 300)
    precision = np.diag(confusion) / confusion.sum(axis=0)
    recall = np.diag(confusion) / confusion.sum(axis=1)
    f1 = 2 * precision * recall / (precision + recall)
    assert [c.precision for c in report.classes] == pytest.approx(precision)
    assert [c.recall for c in report.classes] == pytest.approx(recall)
    assert [c.f1 for c in report.classes] == pytest.approx(f1)
    assert [c.support for c in report.classes] == np.bincount(targets).tolist()


def test_counts_that_travel_are_those_of_numpy_and_complete_for_20_classes() -> None:
    chance = np.random.default_rng(1)
    targets, called = chance.integers(0, 20, (2, 5000))
    counts = count_classes(make_report(tuple(map(str, range(20))), targets, certain(called.tolist(), 20)))
    assert counts.support == tuple(np.bincount(targets, minlength=20))
    assert counts.predicted == tuple(np.bincount(called, minlength=20))
    assert counts.correct == tuple(np.bincount(targets[targets == called], minlength=20))
    rebuilt = np.diag(counts.correct)
    for confusion in counts.confusions:
        rebuilt[confusion.true, confusion.predicted] = confusion.count
    matrix = np.zeros((20, 20), int)
    np.add.at(matrix, (targets, called), 1)
    assert np.array_equal(rebuilt, matrix)
    assert counts.is_complete
    assert counts.errors == (targets != called).sum()


def test_of_many_confusions_the_most_frequent_travel() -> None:
    # Class i is shown i times and always called i + 1.
    targets = np.repeat(np.arange(500), np.arange(500))
    report = make_report(tuple(map(str, range(501))), targets, certain((targets + 1).tolist(), 501))
    counts = count_classes(report)
    assert counts.confusions == tuple(Confusion(i, i + 1, i) for i in range(499, 99, -1))
    assert not counts.is_complete
    assert counts.errors == 499 * 500 // 2
