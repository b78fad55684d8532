"""The fingerprint of a training: histograms of its pictures, and of the answers for others."""

import numpy as np
from numpy.typing import NDArray

from edge.spec import Fingerprint, Histogram

# Half octaves from 4 to 4,096 pixels, with the powers of two in the middle of their bins.
SIZE_EDGES = tuple(round(2 ** (i / 2 - 0.25), 2) for i in range(4, 26))
# Whole levels do not fall on an edge.
BRIGHTNESS_EDGES = tuple(16 * i - 0.5 for i in range(17))
CONTRAST_EDGES = tuple(8.0 * i for i in range(17))
# Finer towards 1.
CONFIDENCE_EDGES = (*(i / 10 for i in range(10)), 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


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
