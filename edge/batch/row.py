"""`Row`: what is written down for one input, as a line of JSON and back."""

import json
from dataclasses import dataclass
from typing import Any

from edge.answer import Answer, as_record
from edge.classifier import Classification, Prediction
from edge.errors import ImageError
from edge.regions.region import Box, Region


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
        error = record["error"] and ImageError(record["error"]["code"], record["error"]["message"])
        answered = None if error else _read_classification(record)
        return Row(Answer(record["path"], answered, error), record["sha256"], record["size_bytes"])
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"the line is no row ({wrong})") from None


def _read_classification(record: dict[str, Any]) -> Classification:
    predictions, note, unsure = _read_predictions(record), record["note"], record["unsure"]
    if "regions" not in record:
        return Classification(predictions, note, unsure)
    regions = (Region(Box(**r["box"]), _read_predictions(r), r["unsure"]) for r in record["regions"])
    return Classification(predictions, note, unsure, tuple(regions), record["text"])


def _read_predictions(record: dict[str, Any]) -> tuple[Prediction, ...]:
    return tuple(Prediction(p["label"], p["probability"]) for p in record["predictions"])
