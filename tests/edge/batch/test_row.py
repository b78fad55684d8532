"""A row as a line and back."""

import json
import os

import pytest

from edge.answer import Answer
from edge.batch.row import Row, from_line, to_line
from edge.classification import Classification, Prediction
from edge.errors import ImageError
from edge.regions.region import Box, Region

ANSWERED = Row(
    Answer(
        os.fsdecode(b"gr\xfcn\n.png"),
        Classification((Prediction("a", 0.75), Prediction("b", 0.25)), "a note", True),
        None,
    ),
    "ab" * 32,
    123,
)
READ = Row(
    Answer(
        "code.png",
        Classification((), None, True, (Region(Box(1, 2, 3, 4), (Prediction("a", 0.75),), True),), "a"),
        None,
    ),
    "cd" * 32,
    45,
)
NOTHING_FOUND = Row(Answer("face.png", Classification((), "no faces found", False, (), None), None), "ef" * 32, 6)
FAILED = Row(Answer("none.png", None, ImageError("not_found", "there is no such file")), None, None)


def test_a_line_says_all_and_the_name_is_given_back_byte_for_byte() -> None:
    record = json.loads(to_line(ANSWERED))
    assert os.fsencode(record.pop("path")) == b"gr\xfcn\n.png"
    predictions = [{"label": "a", "probability": 0.75}, {"label": "b", "probability": 0.25}]
    assert record == {
        "sha256": "ab" * 32,
        "size_bytes": 123,
        "predictions": predictions,
        "unsure": True,
        "note": "a note",
        "error": None,
    }
    assert to_line(ANSWERED).count(b"\n") == 1


def test_an_error_has_its_code_and_reason() -> None:
    assert json.loads(to_line(FAILED))["error"] == {"code": "not_found", "message": "there is no such file"}
    assert (ANSWERED.code, FAILED.code) == (None, "not_found")


@pytest.mark.parametrize("row", [ANSWERED, READ, NOTHING_FOUND], ids=["answered", "read", "nothing"])
def test_a_line_gives_the_row_back(row: Row) -> None:
    assert from_line(to_line(row)) == row


@pytest.mark.parametrize("row", [ANSWERED, READ, FAILED], ids=["answered", "read", "failed"])
def test_a_line_read_and_written_again_is_the_same(row: Row) -> None:
    assert to_line(from_line(to_line(row))) == to_line(row)


def test_every_line_that_is_cut_short_or_no_row_is_refused() -> None:
    line = to_line(ANSWERED)
    for end in range(len(line)):
        with pytest.raises(ValueError, match=r"line|Expecting|Unterminated|Invalid|Extra"):
            from_line(line[:end])
    for other in (b"{}\n", b"1\n", b"null\n", b'"a"\n', bytes(9) + b"\n", b"\xff\n"):
        with pytest.raises(ValueError, match=r"line|Expecting|decode"):
            from_line(other)


@pytest.mark.parametrize(
    "other",
    [
        {"path": 1},
        {"sha256": 5},
        {"size_bytes": "123"},
        {"predictions": []},
        {"predictions": [{"label": "a", "probability": "0.75"}]},
        {"unsure": None},
        {"note": ["a note"]},
        {"error": {"code": ["corrupt"], "message": "the JPEG is cut short"}},
        {"error": "corrupt"},
        {"error": []},
    ],
    ids=str,
)
def test_a_line_with_a_value_of_another_type_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^the line is no row"):
        from_line(json.dumps(json.loads(to_line(ANSWERED)) | other).encode() + b"\n")


def test_a_line_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the line is no row"):
        from_line(b"[" * 100_000 + b"\n")
