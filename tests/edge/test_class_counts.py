"""Counts by class: shares against their definition, and what contradicts itself is refused."""

from collections.abc import Callable

import pytest

from edge.class_counts import ClassCounts, Confusion

COUNTS = ClassCounts((4, 6, 0), (3, 5, 2), (3, 3, 0), (Confusion(1, 2, 2), Confusion(0, 1, 1)))


def test_shares_are_those_of_their_definition() -> None:
    assert [COUNTS.recall(i) for i in range(3)] == [3 / 4, 3 / 6, None]
    assert [COUNTS.precision(i) for i in range(3)] == [3 / 3, 3 / 5, 0 / 2]


def test_a_list_of_confusions_knows_whether_it_is_whole() -> None:
    assert COUNTS.wrong == 4
    assert not COUNTS.is_complete
    assert ClassCounts((4, 6), (3, 7), (3, 6), (Confusion(0, 1, 1),)).is_complete


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ClassCounts((1, 1), (1, 1, 0), (1, 1), ()), "as many of each"),
        (lambda: ClassCounts((1, 1), (1, 2), (1, 1), ()), "as many images"),
        (lambda: ClassCounts((1, 2), (2, 1), (2, 0), ()), "can be right"),
        (lambda: ClassCounts((1, 2), (2, 1), (-1, 1), ()), "can be right"),
        (lambda: ClassCounts((1, 1), (2, 0), (1, 0), (Confusion(1, 2, 1),)), "no confusion"),
        (lambda: ClassCounts((1, 1), (2, 0), (1, 0), (Confusion(1, 0, 0),)), "no confusion"),
        (lambda: ClassCounts((1, 1), (2, 0), (1, 0), (Confusion(-1, 0, 1),)), "no confusion"),
    ],
)
def test_what_contradicts_itself_is_refused(make: Callable[[], ClassCounts], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
