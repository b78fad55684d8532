"""When a change is told, on scripts of labels; and what a frame is said to show."""

import pytest

from edge.classification import Classification, Prediction
from edge.regions.region import Box, Region
from edge.watch.changes import Changes, state_of


def told(script: str, steady: int, refractory_s: float, fps: float = 10) -> list[tuple[int, str]]:
    changes = Changes(steady, refractory_s)
    return [(n, state) for n, state in enumerate(script) if changes.update(state, n / fps)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("aaaabbbb", [(2, "a"), (6, "b")]),
        ("ababababab", []),
        ("aaabbaaabaaa", [(2, "a")]),
        ("aabbbccaaa", [(4, "b"), (9, "a")]),
        ("aaabbbaaa", [(2, "a"), (5, "b"), (8, "a")]),
        ("", []),
    ],
)
def test_a_state_counts_once_so_many_frames_in_a_row_had_it(script: str, expected: list[tuple[int, str]]) -> None:
    assert told(script, 3, 0.0) == expected


def test_a_change_within_the_pause_waits_until_it_is_over() -> None:
    assert told("a" + "b" * 20, 1, 1.0) == [(0, "a"), (10, "b")]


def test_a_change_that_is_over_by_then_is_never_told() -> None:
    assert told("a" + "b" * 5 + "a" * 20, 1, 1.0) == [(0, "a")]


def region(label: str, unsure: bool = False) -> Region:
    return Region(Box(0, 0, 1, 1), (Prediction(label, 0.9), Prediction("other", 0.1)), unsure)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Classification((Prediction("cat", 0.9),), None, False), "cat"),
        (Classification((Prediction("cat", 0.2),), None, True), "unsure"),
        (Classification((), "no faces found", False, ()), "no faces"),
        (Classification((), None, False, (region("smiling"), region("not"))), "smiling, not"),
        (Classification((), None, True, (region("smiling"), region("not", True))), "smiling, unsure"),
        (Classification((), None, False, (region("7"), region("3")), "73"), "73"),
        (Classification((), None, True, (region("7"), region("3", True)), "73"), "unsure"),
        (Classification((), "1 glyph found, 2 expected", True, (region("7"),)), "1 glyph found, 2 expected"),
    ],
)
def test_a_frame_is_said_to_show_what_was_found(answer: Classification, state: str) -> None:
    assert state_of(answer) == state
