"""How far a network's confidence is from its accuracy: reliability bins and the expected calibration error.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks, 2017, section 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The number of bins in the paper's experiments (its table 1).
BINS = 15


@dataclass(frozen=True)
class Bin:
    """The images whose confidence is above `low` and at most `high`.

    `confidence` and `accuracy` are their means, from 0 to 1, and None where there are no images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Confidence less accuracy; positive where the network is too sure of itself, 0 without images."""
        return 0.0 if self.confidence is None or self.accuracy is None else self.confidence - self.accuracy


def reliability_bins(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return bins of equal width for the top-1 `confidences` [N], 0 to 1, of which `correct` [N] were right."""
    edges = np.linspace(0, 1, BINS + 1)
    places = np.digitize(confidences, edges[1:-1], right=True)
    return tuple(
        _bin(low, high, confidences[places == i], correct[places == i])
        for i, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    )


def expected_calibration_error(bins: Iterable[Bin]) -> float:
    """Return the mean distance of confidence and accuracy over all images, 0 to 1 (equation 3 of the paper)."""
    counted = list(bins)
    return sum(b.images * abs(b.gap) for b in counted) / sum(b.images for b in counted)


def _bin(low: float, high: float, confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> Bin:
    if not len(correct):
        return Bin(low, high, 0, None, None)
    return Bin(low, high, len(correct), float(confidences.mean()), float(correct.mean()))
