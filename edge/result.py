"""What a model says of one image, and its JSON, which every command, the batch and the HTTP service share."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError

# Codes of inputs that led to no content at all.
NOT_THERE = ("not_found", "unreadable")


class Prediction(msgspec.Struct, frozen=True):
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


class Box(msgspec.Struct, frozen=True, order=True):
    """A rectangle in integer pixels of the upright decoded picture, always inside of it; (0, 0) is the upper left."""

    x: int
    y: int
    width: int
    height: int

    def crop(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what of a picture [H, W] or [H, W, C] lies in the box, without a copy."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


class Region(msgspec.Struct, frozen=True):
    """One box and the predictions for what it holds, from the most to the least likely."""

    box: Box
    predictions: tuple[Prediction, ...]
    unsure: bool


class Classification(msgspec.Struct, frozen=True):
    """The answer for one image: predictions from the most to the least likely, and what is to be said about them.

    `unsure` says that the best of them is below the reject threshold of the model or of the caller. The note is the
    decoder's, and that of the search for regions.

    A model of regions answers for each region: `predictions` is empty, `regions` holds one answer for each face or
    glyph, from left to right, and is empty where there is none; `unsure` says that one of them is. For glyphs, `text`
    is what they read together; it is None, the note says why and `unsure` is set, where their number is not that of
    the model. For a model of whole pictures `regions` and `text` are None, and not in the JSON.
    """

    predictions: tuple[Prediction, ...]
    unsure: bool = False
    note: str | None = None
    regions: tuple[Region, ...] | None = None
    text: str | None = None

    @property
    def answers(self) -> tuple[tuple[Prediction, ...], ...]:
        """The predictions for whatever was classified: those of every region, or the one of the whole picture."""
        return (self.predictions,) if self.regions is None else tuple(region.predictions for region in self.regions)


def top_k(labels: Sequence[str], probabilities: NDArray[np.float32], k: int | None) -> tuple[Prediction, ...]:
    """Return the `k` best of one row of probabilities [classes], all for None; equal ones stay in the labels' order."""
    best = np.argsort(-probabilities, kind="stable")[:k]
    # The shortest string of a float32 is an exact and readable float64.
    return tuple(Prediction(labels[i], float(str(probabilities[i]))) for i in best)


def postprocess(
    labels: Sequence[str], probabilities: NDArray[np.float32], reject_threshold: float, k: int | None
) -> tuple[tuple[Prediction, ...], bool]:
    """Return the `k` best of one row, and whether that is unsure: the best is below `reject_threshold`, 0 to 1."""
    predictions = top_k(labels, probabilities, k)
    return predictions, predictions[0].probability < reject_threshold


def answer_fields(path: str, classification: Classification | None, error: ImageError | None) -> dict[str, Any]:
    """Return one input with its classification or its error, never both, as the JSON object of `--json`."""
    return {"path": path, **classification_fields(classification), "error": error_fields(error)}


def error_fields(error: ImageError | None) -> dict[str, str] | None:
    """Return what went wrong, if anything, as a JSON object."""
    return {"code": error.code, "message": str(error)} if error else None


def classification_fields(classification: Classification | None) -> dict[str, Any]:
    """Return what was found, None for nothing, as fields of a JSON object."""
    fields: dict[str, Any] = msgspec.to_builtins(classification or Classification(()))
    if fields["regions"] is None:
        del fields["regions"], fields["text"]
    return fields


def classification_from(fields: Mapping[str, Any]) -> Classification:
    """Return the classification that is among the `fields` of a JSON object. Raises msgspec.ValidationError."""
    return msgspec.convert(fields, Classification)


def printable(path: str) -> str:
    """Return `path` for one line of a terminal: what would end the line or steer the terminal is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)
