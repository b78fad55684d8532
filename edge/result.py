"""The answer for one image, and its JSON, which the commands, the batch and the HTTP service share."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError

# The default number of predictions: on the command line, in Python and over HTTP.
DEFAULT_TOP_K = 3
# Codes of inputs without any content.
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

    @classmethod
    def clipped(cls, x: float, y: float, width: float, height: float, shape: tuple[int, ...]) -> "Box":
        """Return the part of a rectangle inside of a picture of `shape` [H, W, ...], at least 1 x 1 pixels."""
        left, top = min(max(round(x), 0), shape[1] - 1), min(max(round(y), 0), shape[0] - 1)
        right, bottom = min(max(round(x + width), left + 1), shape[1]), min(max(round(y + height), top + 1), shape[0])
        return cls(left, top, right - left, bottom - top)

    def crop(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a picture [H, W] or [H, W, C] in the box, without a copy."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


class Region(msgspec.Struct, frozen=True):
    """One face or glyph: its box and its predictions, from the most to the least likely."""

    box: Box
    predictions: tuple[Prediction, ...]
    unsure: bool


class Classification(msgspec.Struct, frozen=True):
    """The answer for one image: predictions from the most to the least likely.

    It is `unsure` where the best probability is below the threshold of the model or of the caller.

    For a model of regions, `predictions` is empty and `regions` has one answer for each face or glyph, from left to
    right; the answer is unsure if one of them is. For glyphs, `text` is what they spell; where their number is not the
    expected one it is None, and the note says why. For whole pictures both are None, and not in the JSON.
    """

    predictions: tuple[Prediction, ...]
    unsure: bool = False
    note: str | None = None
    regions: tuple[Region, ...] | None = None
    text: str | None = None

    @property
    def answers(self) -> tuple[tuple[Prediction, ...], ...]:
        """The predictions of every region, or those of the whole picture alone."""
        return (self.predictions,) if self.regions is None else tuple(region.predictions for region in self.regions)


def top_k(labels: Sequence[str], probabilities: NDArray[np.float32], k: int | None) -> tuple[Prediction, ...]:
    """Return the `k` best of one row of probabilities [classes], all for None; equal ones stay in the labels' order."""
    best = np.argsort(-probabilities, kind="stable")[:k]
    # By way of its shortest string a float32 becomes a short float64: 0.1 and not 0.10000000149.
    return tuple(Prediction(labels[i], float(str(probabilities[i]))) for i in best)


def postprocess(
    labels: Sequence[str], probabilities: NDArray[np.float32], reject_threshold: float, k: int | None
) -> tuple[tuple[Prediction, ...], bool]:
    """Return the `k` best of one row, and whether they are unsure: the best is below `reject_threshold`, 0 to 1."""
    predictions = top_k(labels, probabilities, k)
    return predictions, predictions[0].probability < reject_threshold


def answer_fields(path: str, classification: Classification | None, error: ImageError | None) -> dict[str, Any]:
    """Return one input with its classification or its error as the JSON object of `--json`."""
    return {"path": path, **classification_fields(classification), "error": error_fields(error)}


def error_fields(error: ImageError | None) -> dict[str, str] | None:
    """Return an error, or None, as a JSON object."""
    return {"code": error.code, "message": str(error)} if error else None


def classification_fields(classification: Classification | None) -> dict[str, Any]:
    """Return a classification, or None, as fields of a JSON object."""
    fields: dict[str, Any] = msgspec.to_builtins(classification or Classification(()))
    if fields["regions"] is None:
        del fields["regions"], fields["text"]
    return fields


def printable(path: str) -> str:
    """Return `path` with control characters escaped, for one line of a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)
