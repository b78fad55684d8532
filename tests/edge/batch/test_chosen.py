"""What a report shows: drawn fairly, the least certain as sorting gives them, regions one by one."""

import numpy as np
import pytest

from edge.answer import Answer
from edge.batch.chosen import LEAST_CERTAIN, SHOWN_PER_CLASS, Shown, choose
from edge.batch.row import Row
from edge.classification import Classification, Prediction
from edge.regions.region import Box, Region


def row(index: int, label: str, probability: float) -> Row:
    return Row(Answer(f"{index}.png", Classification((Prediction(label, probability),), None, False), None), "ab", 1)


def index_of(shown: Shown) -> int:
    return int(shown.row.answer.path.removesuffix(".png"))


def test_the_least_certain_are_those_that_sorting_gives() -> None:
    probabilities = np.random.default_rng(0).uniform(0.3, 1, 5_000).round(2)  # with many equal ones
    rows = [row(i, "ab"[i % 2], p) for i, p in enumerate(probabilities)]
    expected = np.lexsort((np.arange(5_000), probabilities))[:LEAST_CERTAIN]
    assert [index_of(shown) for shown in choose(rows).least_certain] == expected.tolist()


@pytest.mark.slow
def test_every_row_of_a_class_has_the_same_chance_to_be_shown() -> None:
    counts = np.zeros(40)
    for start in range(2_000):
        # Another order each time is another draw, since the seed is fixed.
        order = np.random.default_rng(start).permutation(40)
        shown = choose(row(int(i), "a", 0.9) for i in order).classes["a"]
        assert len(shown) == SHOWN_PER_CLASS
        counts[[index_of(r) for r in shown]] += 1
    expected = 2_000 * SHOWN_PER_CLASS / 40
    # Chi-square with 39 degrees of freedom stays below 72.1 with a probability of 99.9 %; draws without
    # replacement spread less.
    assert ((counts - expected) ** 2 / expected).sum() < 72.1
    late = [index_of(r) for r in choose(row(i, "a", 0.9) for i in range(1_000)).classes["a"]]
    assert max(late) > 500
    assert min(late) < 500


def test_a_small_class_is_shown_whole_and_failures_are_not() -> None:
    rows = [row(i, "a", 0.9) for i in range(3)]
    broken = Row(Answer("x", None, None), None, None)
    assert [shown.row for shown in choose([broken, *rows]).classes["a"]] == rows


def test_each_region_is_shown_by_itself_and_pictures_without_any_apart() -> None:
    boxes = Box(0, 0, 5, 5), Box(9, 0, 5, 5)
    regions = tuple(Region(box, (Prediction(name, 0.9),), False) for box, name in zip(boxes, "ab", strict=True))
    read = Row(Answer("x", Classification((), None, False, regions, "ab"), None), "ab", 1)
    nothing = Row(Answer("y", Classification((), "no faces found", False, ()), None), "cd", 1)
    chosen = choose([read, nothing])
    assert chosen.classes == {
        "a": [Shown(read, Prediction("a", 0.9), False, boxes[0], "ab")],
        "b": [Shown(read, Prediction("b", 0.9), False, boxes[1], "ab")],
    }
    assert chosen.least_certain == [*chosen.classes["a"], *chosen.classes["b"]]
    assert chosen.without_regions == [Shown(nothing, None, False)]
