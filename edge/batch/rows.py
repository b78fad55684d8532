"""`Row`: the result for one input, how it is computed, and its line of JSON."""

import json
from dataclasses import dataclass

import msgspec

from edge.batch.inputs import Input, read_file
from edge.classifier import Classifier
from edge.errors import ImageError, reason_of
from edge.image import decode_image
from edge.result import Classification, answer_fields
from edge.spec import Faces, Glyphs

RUN_FORMAT = 3


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that the rows of a run depend on; `started_s` is when it began, in seconds since 1970."""

    model: str
    version: str
    sources: tuple[str, ...]
    column: str
    null: bool
    top_k: int
    max_pixels: int
    fast_decode: bool
    min_probability: float
    regions: Faces | Glyphs | None
    started_s: float
    format: int = RUN_FORMAT


@dataclass(frozen=True, slots=True)
class Row:
    """The answer for one input, or its error, with the SHA-256 and size of its content, None where it was not read."""

    path: str
    sha256: str | None
    size_bytes: int | None
    classification: Classification | None
    error: ImageError | None


def compute_row(item: Input, classifier: Classifier, config: RunConfig) -> Row:
    """Return the row of one input. It raises nothing: an error is in the row."""
    classification, error = None, item.error
    try:
        if item.encoded is None and not error:
            item = read_file(item.path, config.max_pixels)
            error = item.error
        if item.encoded is not None:
            shrink_for = classifier.spec.preprocessing[0] if config.fast_decode else None
            decoded = decode_image(item.encoded, config.max_pixels, shrink_for)
            classification = classifier.classify(decoded, config.top_k, config.max_pixels)
    except ImageError as reason:
        error = reason
    except Exception as reason:  # noqa: BLE001 # out of memory, a runtime's own error: the other inputs go on
        error = ImageError("failed", f"{type(reason).__name__}: {reason_of(reason)}")
    return Row(item.path, item.sha256, item.size_bytes, classification, error)


def encode_row(row: Row) -> bytes:
    r"""Return the row as one line of JSON, all ASCII; bytes of a name that are not UTF-8 are \udc80 to \udcff."""
    path, *rest = answer_fields(row.path, row.classification, row.error).items()
    fields = dict([path, ("sha256", row.sha256), ("size_bytes", row.size_bytes), *rest])
    return json.dumps(fields).encode("ascii") + b"\n"


def decode_row(line: bytes) -> Row:
    """Return the row of a line that `encode_row` wrote. Raises ValueError for any other."""
    try:
        fields = json.loads(line)
        values = [fields[name] for name in ("path", "sha256", "size_bytes", "error")]
        kinds = tuple[str, str | None, int | None, dict[str, str] | None]
        path, sha256, size_bytes, wrong = msgspec.convert(values, kinds)
        error = ImageError(wrong["code"], wrong["message"]) if wrong is not None else None
        found = None if error else msgspec.convert(fields, Classification)
    except (KeyError, TypeError, RecursionError) as reason:
        raise ValueError(f"the line is no row ({reason})") from None
    if not line.endswith(b"\n") or (found and not found.predictions and found.regions is None):
        raise ValueError("the line is cut short, or has neither predictions nor an error")
    return Row(path, sha256, size_bytes, found, error)
