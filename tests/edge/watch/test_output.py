"""When a change is told, on scripts of labels; and what a frame is said to show."""

import pytest

from edge.result import Box, Classification, Prediction, Region
from edge.watch.capture import Frame
from edge.watch.output import Changes, change_line, state_of


@pytest.mark.parametrize(
    ("script", "debounce_frames", "expected"),
    [
        ("aaaabbbb", 3, [(2, "a"), (6, "b")]),
        ("ababababab", 3, []),
        ("aaabbaaabaaa", 3, [(2, "a")]),
        ("aaabbbaaa", 3, [(2, "a"), (5, "b"), (8, "a")]),
        ("abb", 1, [(0, "a"), (1, "b")]),
    ],
)
def test_a_state_is_told_once_it_lasts(script: str, debounce_frames: int, expected: list[tuple[int, str]]) -> None:
    changes = Changes(debounce_frames)
    assert [(n, state) for n, state in enumerate(script) if changes.update(state)] == expected


def region(label: str, unsure: bool = False) -> Region:
    return Region(Box(0, 0, 1, 1), (Prediction(label, 0.9), Prediction("other", 0.1)), unsure)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Classification((Prediction("cat", 0.9),)), "cat"),
        (Classification((Prediction("cat", 0.2),), True), "unsure"),
        (Classification((), False, "no faces found", ()), "no faces"),
        (Classification((), True, None, (region("smiling"), region("not", True))), "smiling, unsure"),
        (Classification((), False, None, (region("7"), region("3")), "73"), "73"),
        (Classification((), True, None, (region("7"), region("3", True)), "73"), "unsure"),
        (Classification((), True, "1 glyph found, 2 expected", (region("7"),)), "1 glyph found, 2 expected"),
    ],
)
def test_a_frame_is_said_to_show_what_was_found(answer: Classification, state: str) -> None:
    assert state_of(answer) == state


@pytest.mark.parametrize(
    ("position_s", "clock"), [(3725.25, "01:02:05.250"), (59.9996, "00:01:00.000"), (36e4, "100:00:00.000")]
)
def test_a_place_in_a_video_reads_like_a_clock(position_s: float, clock: str) -> None:
    frame = Frame(0, None, position_s)
    assert change_line(frame, Classification((Prediction("cat", 0.875),)), Changes(1)) == f"{clock}   cat   87.50%"
