"""The threshold against samples whose truth is known."""

import numpy as np
import pytest

from edge.errors import UsageError
from training.abstention import find_abstention


def test_the_threshold_answers_as_much_as_it_may() -> None:
    confidence = np.array([0.99, 0.95, 0.90, 0.85, 0.80, 0.70])
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    targets = np.array([0, 0, 0, 1, 0, 1])  # right, right, right, wrong, right, wrong
    found = find_abstention(probabilities, targets, 0.8)
    # Thresholds are rounded down to four digits.
    assert found.below == pytest.approx(0.8, abs=1e-4)
    assert (found.accuracy, found.answered) == (pytest.approx(0.8), pytest.approx(5 / 6))
    assert find_abstention(probabilities, targets, 1.0).below == pytest.approx(0.9, abs=1e-4)
    assert find_abstention(probabilities, targets, 0.5).answered == 1.0


def test_pictures_of_equal_confidence_are_not_parted() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2]], np.float32)
    found = find_abstention(probabilities, np.array([0, 0, 1]), 1.0)
    assert (found.below, found.answered) == (pytest.approx(0.9, abs=1e-4), pytest.approx(1 / 3))


def test_a_wish_that_no_threshold_grants_is_refused() -> None:
    with pytest.raises(UsageError, match=r"99\.00%"):
        find_abstention(np.array([[0.9, 0.1]], np.float32), np.array([1]), 0.99)


def test_what_lies_closer_together_than_a_threshold_can_part_is_answered_together() -> None:
    confidence = np.array([0.99998, 0.99993, 0.9])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    targets = np.array([0, 1, 0])  # right, wrong, right
    with pytest.raises(UsageError, match="no threshold"):
        find_abstention(probabilities, targets, 1.0)
    found = find_abstention(probabilities, targets, 0.5)
    answered = probabilities.max(axis=1) >= found.below
    assert found.answered == answered.mean()
    assert found.accuracy == (probabilities.argmax(axis=1) == targets)[answered].mean()
