"""Copies of a front for one size: the same bits, for small pictures that come often, and not too many of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.errors import ModelError
from edge.front import MOST_COPIES, OFTEN, Front
from edge.load_cut import make_front
from edge.runtime import create_session
from edge.steps import Step
from export.preprocess import build_preprocessing
from tests.edge.test_cut import CASES

SIZES = [(1, 1), (3, 17), (64, 48), (31, 100)]


def picture(size: tuple[int, int]) -> dict[str, np.ndarray]:
    return {INPUT_NAME: np.random.default_rng(size).integers(0, 256, (1, *size, 3), np.uint8)}


class Double:
    """Stands in for a session: answers with the mean of the picture and a number of its own."""

    def __init__(self, own: float = 0.0) -> None:
        self.own, self.runs = own, 0

    def run(self, _: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.runs += 1
        return [feeds[INPUT_NAME].mean(dtype=np.float32) + self.own]


def front_of(make: Callable[[tuple[int, int]], Any]) -> tuple[Front, Double]:
    any_size = Double()
    return Front(any_size, make), any_size


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_a_copy_gives_the_bits_of_the_front(steps: tuple[Step, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.front.OFTEN", 2)
    model = build_preprocessing(steps).SerializeToString()
    any_size = create_session(model, "case", 1)
    front = make_front(model, any_size, "case", 1)
    for size in SIZES:
        expected = any_size.run([SEAM_NAME], picture(size))[0]
        for _ in range(3):
            np.testing.assert_array_equal(front.run([SEAM_NAME], picture(size))[0], expected)
        assert front._copies[size] is not any_size


def test_only_small_sizes_that_come_often_get_a_copy_and_no_more_than_the_most() -> None:
    made: list[tuple[int, int]] = []

    def make(size: tuple[int, int]) -> Double:
        made.append(size)
        return Double()

    front, any_size = front_of(make)
    for _ in range(OFTEN - 1):
        front.run([], picture((4, 5)))
    assert made == []
    for _ in range(3):
        front.run([], picture((4, 5)))
    assert made == [(4, 5)]
    assert any_size.runs == OFTEN
    for _ in range(OFTEN):
        front.run([], picture((641, 480)))
    assert made == [(4, 5)]
    for width in range(1, MOST_COPIES + 3):
        for _ in range(OFTEN):
            front.run([], picture((1, width)))
    assert made == [(4, 5), *((1, width) for width in range(1, MOST_COPIES))]


def refused(size: tuple[int, int]) -> Any:
    raise ModelError(f"no session for {size}")


@pytest.mark.parametrize("make", [lambda _: Double(1.0), refused], ids=["answers otherwise", "cannot be made"])
def test_a_copy_that_is_not_as_good_is_not_taken_and_not_tried_again(make: Any) -> None:
    tried: list[tuple[int, int]] = []
    front, _ = front_of(lambda size: (tried.append(size), make(size))[1])
    answers = [float(front.run([], picture((4, 5)))[0]) for _ in range(2 * OFTEN)]
    assert len(set(answers)) == 1
    assert tried == [(4, 5)]


def test_many_sizes_are_counted_without_end_in_little_memory() -> None:
    front, _ = front_of(lambda _: Double())
    for height in range(1, 600):
        front.run([], picture((height, 1)))
    assert len(front._seen) <= 256
