import numpy as np
import pytest
from scipy.stats import binomtest

from training.dataset import Dataset
from training.evaluation import evaluate, wilson_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (5, 10), (10, 10), (1, 1), (436, 450), (9_999, 10_000)])
def test_the_interval_is_that_of_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    found = wilson_interval(successes, trials)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_is_that_of_the_tables() -> None:
    # R. Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I: 81 of 263.
    found = wilson_interval(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_scores_by_hand_with_labels_in_another_order() -> None:
    dataset = Dataset(
        name="four",
        labels=("a", "b"),
        names=("a/0", "a/1", "b/2", "b/3", "b/4"),
        targets=np.array([0, 0, 1, 1, 1]),
        read=lambda _: b"",
    )
    # Columns are b, a: taken for a, b, b, a, b.
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.55, 0.45]], np.float32)
    found = evaluate(dataset, ("b", "a"), probabilities, None)
    b, a = found.report.classes
    assert (b.label, b.support, a.label, a.support) == ("b", 3, "a", 2)
    assert (b.precision, b.recall, b.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (a.precision, a.recall, a.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert found.report.accuracy == pytest.approx(3 / 5)
    assert found.report.confusion == ((2, 1), (1, 1))
    surest, other = found.mistakes
    assert (surest.name, surest.true, surest.predicted) == ("b/3", "b", "a")
    assert (other.name, other.true, other.predicted) == ("a/1", "a", "b")
    assert (surest.confidence, other.confidence) == pytest.approx((0.7, 0.6))
    assert found.answers is None


@pytest.mark.parametrize(
    ("below", "answered", "accuracy"),
    # Right are 0.9, 0.75 and 0.6, wrong are 0.8 and 0.5; who is as sure as the threshold still answers.
    [(0.5, 1.0, 3 / 5), (0.75, 3 / 5, 2 / 3), (0.85, 1 / 5, 1.0), (0.95, 0.0, None)],
)
def test_answers_by_hand(below: float, answered: float, accuracy: float | None) -> None:
    first = np.array([0.9, 0.75, 0.6, 0.8, 0.5], np.float32)
    names = tuple(f"{i}.png" for i in range(5))
    dataset = Dataset("five", ("a", "b"), names, np.array([0, 0, 0, 1, 1]), lambda _: b"")
    answers = evaluate(dataset, ("a", "b"), np.stack([first, 1 - first], axis=1), below).answers
    assert answers is not None
    assert (answers.below, answers.answered, answers.accuracy) == pytest.approx((below, answered, accuracy))
