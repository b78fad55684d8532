"""The fingerprint of a training: histograms of its pictures, and of the answers for others.

Training and export take it; serving measures pictures in the same way, to see drift.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.spec import Fingerprint, Histogram

SAMPLED_LINES = 32  # rows and columns, evenly spread, that brightness and contrast are measured on
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. ITU-R BT.601
# Half octaves from 4 to 4,096 pixels, with the powers of two in the middle of their bins.
SIZE_EDGES = tuple(round(2 ** (i / 2 - 0.25), 2) for i in range(4, 26))
# Whole levels do not fall on an edge.
BRIGHTNESS_EDGES = tuple(16 * i - 0.5 for i in range(17))
CONTRAST_EDGES = tuple(8.0 * i for i in range(17))
# Finer towards 1.
CONFIDENCE_EDGES = (*(i / 10 for i in range(10)), 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


class PictureMeasures(NamedTuple):
    """The root of width times height, in pixels, and mean and standard deviation of the luma, in levels 0 to 255."""

    size: float
    brightness: float
    contrast: float


def measure(pixels: NDArray[np.uint8]) -> PictureMeasures:
    """Return the measures of one picture, uint8 RGB [H, W, 3]."""
    height, width = pixels.shape[:2]
    lines = pixels[:: -(-height // SAMPLED_LINES), :: -(-width // SAMPLED_LINES)]
    luma = lines.reshape(-1, 3).astype(np.float32) @ LUMA
    mean = float(luma.sum()) / luma.size
    luma -= mean
    return PictureMeasures(math.sqrt(height * width), mean, math.sqrt(float(luma @ luma) / luma.size))


def take_fingerprint(measures: NDArray[np.float64], probabilities: NDArray[np.float32]) -> Fingerprint:
    """Return the fingerprint for `measures` [N, 3] of training pictures and `probabilities` [M, classes] of others."""
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
