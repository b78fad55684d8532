"""What the pictures of a model are like, in a few histograms that travel in its spec.

It exists so that a service can tell, without keeping a picture, that what it is shown is no longer what the
model was trained on. Training and serving measure by the one function here, and by the same bins: those are
stored beside the counts.
"""

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Brightness and contrast are those of at most so many rows and columns, evenly spread: enough for a mean, and cheap.
SAMPLED_LINES = 32
# Rec. ITU-R BT.601.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Half octaves from 4 to 4,096 pixels, with the powers of two, which sizes like to be, in the middle of their bins.
SIZE_EDGES = tuple(round(2 ** (i / 2 - 0.25), 2) for i in range(4, 26))
# Whole levels do not fall on an edge, where the last bit of a float would decide.
BRIGHTNESS_EDGES = tuple(16 * i - 0.5 for i in range(17))
CONTRAST_EDGES = tuple(8.0 * i for i in range(17))
# Finer towards 1, where a good model's confidence lies.
CONFIDENCE_EDGES = (*(i / 10 for i in range(10)), 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


class PictureMeasures(NamedTuple):
    """One picture in three figures.

    `size` is the root of width times height, in pixels; `brightness` the mean and `contrast` the standard
    deviation of its luma, in levels of 0 to 255.
    """

    size: float
    brightness: float
    contrast: float


@dataclass(frozen=True)
class Histogram:
    """`counts[i]` values lie from `edges[i]` up to `edges[i + 1]`; the outer bins hold what lies beyond as well."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError("a histogram must have one edge more than it has counts")
        if not all(lower < upper for lower, upper in pairwise(self.edges)):
            raise ValueError("a histogram's edges must rise")
        require_counts(self.counts)

    def bin_of(self, value: float) -> int:
        """Return the bin that `value` falls into."""
        return min(max(bisect(self.edges, value) - 1, 0), len(self.counts) - 1)


@dataclass(frozen=True)
class Fingerprint:
    """What a model was trained on, and how it answered for the held-out pictures.

    `size`, `brightness` and `contrast` are of the pictures that it was trained on, as they stand before
    preprocessing; for a model of regions those are the crops. `confidence` counts the best probabilities of the
    held-out pictures, and `classes` their best labels, in the order of the labels.
    """

    size: Histogram
    brightness: Histogram
    contrast: Histogram
    confidence: Histogram
    classes: tuple[int, ...]

    def __post_init__(self) -> None:
        require_counts(self.classes)


def require_counts(counts: Sequence[int]) -> None:
    """Raise ValueError unless `counts` are counts, and count something."""
    if not counts or min(counts) < 0 or not any(counts):
        raise ValueError(f"a fingerprint must count pictures. Received: {list(counts)!r:.60}")


def measure(pixels: NDArray[np.uint8]) -> PictureMeasures:
    """Return the measures of one picture, uint8 RGB [H, W, 3]."""
    height, width = pixels.shape[:2]
    lines = pixels[:: -(-height // SAMPLED_LINES), :: -(-width // SAMPLED_LINES)]
    luma = lines.reshape(-1, 3).astype(np.float32) @ LUMA
    mean = float(luma.sum()) / luma.size
    luma -= mean
    return PictureMeasures(math.sqrt(height * width), mean, math.sqrt(float(luma @ luma) / luma.size))


def take_fingerprint(measures: NDArray[np.float64], probabilities: NDArray[np.float32]) -> Fingerprint:
    """Return the fingerprint for `measures` [N, 3] of training pictures and held-out `probabilities` [M, classes]."""
    size, brightness, contrast = measures.T
    return Fingerprint(
        size=_count(SIZE_EDGES, size),
        brightness=_count(BRIGHTNESS_EDGES, brightness),
        contrast=_count(CONTRAST_EDGES, contrast),
        confidence=_count(CONFIDENCE_EDGES, probabilities.max(axis=1)),
        classes=tuple(map(int, np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]))),
    )


def _count(edges: tuple[float, ...], values: NDArray[np.floating]) -> Histogram:
    empty = Histogram(edges, (1,) * (len(edges) - 1))
    bins = [empty.bin_of(float(value)) for value in values]
    return Histogram(edges, tuple(map(int, np.bincount(bins, minlength=len(empty.counts)))))
