"""`Row`: what is written down for one input, as a line of JSON and back."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from edge.answer import Answer, as_record
from edge.classification import Classification, Prediction
from edge.errors import ImageError
from edge.regions.region import Box, Region

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """The answer for one input with the SHA-256 and the size of its content, None where it was not read.

    `seconds` is what the answer took, from reading the file on; it is not written down.
    """

    answer: Answer
    sha256: str | None
    size_bytes: int | None
    seconds: float = 0.0

    @property
    def code(self) -> str | None:
        """The code of the error, None for an input that was classified."""
        return self.answer.error.code if self.answer.error else None


def to_line(row: Row) -> bytes:
    r"""Return the row as one line of JSON, all ASCII; bytes of a name that are no text stand as \udc80 to \udcff."""
    path, *rest = as_record(row.answer).items()
    digest = {"sha256": row.sha256, "size_bytes": row.size_bytes}
    return json.dumps(dict([path, *digest.items(), *rest])).encode("ascii") + b"\n"


def from_line(line: bytes) -> Row:
    """Return the row of a line that `to_line` wrote. Raises ValueError for any other."""
    if not line.endswith(b"\n"):
        raise ValueError("the line does not end")
    try:
        record: dict[str, Any] = json.loads(line)
        wrong = record["error"]
        error = None if wrong is None else ImageError(_a(str, wrong["code"]), _a(str, wrong["message"]))
        answered = None if error else _classification(record)
        digest, size = _or_none(str, record["sha256"]), _or_none(int, record["size_bytes"])
        return Row(Answer(_a(str, record["path"]), answered, error), digest, size)
    except (KeyError, TypeError, RecursionError) as reason:
        raise ValueError(f"the line is no row ({reason})") from None


def _classification(record: dict[str, Any]) -> Classification:
    """Return what `edge.answer.classification_fields` wrote down."""
    predictions = _predictions(record["predictions"])
    note, unsure = _or_none(str, record["note"]), _a(bool, record["unsure"])
    if "regions" in record:
        regions = tuple(_region(entry) for entry in record["regions"])
        return Classification(predictions, note, unsure, regions, _or_none(str, record["text"]))
    if not predictions:
        raise ValueError("the line is no row (neither predictions nor an error)")
    return Classification(predictions, note, unsure)


def _region(entry: dict[str, Any]) -> Region:
    box = Box(**{side: _a(int, px) for side, px in entry["box"].items()})
    return Region(box, _predictions(entry["predictions"]), _a(bool, entry["unsure"]))


def _predictions(entries: list[dict[str, Any]]) -> tuple[Prediction, ...]:
    return tuple(Prediction(_a(str, entry["label"]), _a(float, entry["probability"])) for entry in entries)


def _or_none(kind: type[T], value: Any) -> T | None:
    return None if value is None else _a(kind, value)


def _a(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.80} is not of type {kind.__name__}")
    return value
