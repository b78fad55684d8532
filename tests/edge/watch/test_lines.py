"""What is printed: the numbers of a frame, and moments as a person reads them."""

from datetime import UTC, datetime

import pytest

from edge.classification import Classification, Prediction
from edge.decode import DecodedImage
from edge.errors import ImageError
from edge.watch.changes import Changes
from edge.watch.frame import Frame
from edge.watch.lines import Observation, as_record, change_writer, in_video
from tests.edge.watch.videos import grey

MOMENT = datetime(2026, 11, 23, 17, 5, 9, 8000, UTC)
CAT = Classification((Prediction("cat", 0.875),), None, False)


def frame(**changes: object) -> Frame:
    return Frame(**({"number": 7, "image": DecodedImage(grey(1), None), "taken_s": 5.0, "timestamp": MOMENT} | changes))  # type: ignore[arg-type]


def test_a_record_holds_age_and_latency_in_milliseconds() -> None:
    record = as_record(Observation(frame(position_s=0.28), CAT, 0.0123456, 0.0042, 3))
    assert record == {
        "frame": 7,
        "path": None,
        "timestamp": "2026-11-23T17:05:09.008Z",
        "position_s": 0.28,
        "age_ms": 12.346,
        "latency_ms": 4.2,
        "dropped": 3,
        "width": 64,
        "height": 48,
        "predictions": [{"label": "cat", "probability": 0.875}],
        "unsure": False,
        "note": None,
        "error": None,
    }


def test_a_file_that_is_no_picture_is_a_record_with_an_error() -> None:
    broken = frame(image=None, path="a.png", error=ImageError("corrupt", "cut short"))
    record = as_record(Observation(broken, None, 0.0, 0.0, 0))
    assert (record["path"], record["width"], record["predictions"]) == ("a.png", None, [])
    assert record["error"] == {"code": "corrupt", "message": "cut short"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "2026-11-23T17:05:09.008Z   cat   87.50%"),
        ({"position_s": 3725.25}, "01:02:05.250   cat   87.50%"),
        ({"path": "new\n.png"}, "2026-11-23T17:05:09.008Z   new\\n.png   cat   87.50%"),
    ],
)
def test_a_line_says_when_and_what(changes: dict[str, object], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    change_writer(Changes(1, 0))(Observation(frame(**changes), CAT, 0.0, 0.0, 0))
    assert capsys.readouterr().out == line + "\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3599.999, "00:59:59.999"), (36e4, "100:00:00.000")],
)
def test_a_place_in_a_video_reads_like_a_clock(seconds: float, text: str) -> None:
    assert in_video(seconds) == text
