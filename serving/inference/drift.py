"""How far the pictures that a service sees are from those that its model was trained on.

The distance is Jensen and Shannon's (Lin 1991, DOI 10.1109/18.61115) in base 2: 0 for equal distributions, 1 for those
that have nothing in common. Unlike the population stability index it needs no made-up counts for empty bins. For small
changes the index is 8 ln 2 times its square, so the index's customary limits 0.1 and 0.25 are 0.134 and 0.212 here.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.fingerprint import PictureMeasures
from edge.spec import Fingerprint
from serving.settings import LEAST_DRIFT_WINDOW

SHIFTED = 0.134
DRIFTED = 0.212
# With fewer pictures, chance alone would be mistaken for change.
LEAST_PICTURES = LEAST_DRIFT_WINDOW
# Where the smaller sample should have fewer, a bin says nothing (the rule of the chi-square test, Cochran 1954).
LEAST_EXPECTED = 5
METHOD = "Jensen-Shannon distance, base 2"

Verdict = Literal["stable", "shifted", "drifted", "too_few_pictures"]
FEATURES = ("size", "brightness", "contrast", "confidence", "classes")


@dataclass(frozen=True)
class FeatureDrift:
    """The distance of one feature, and how much of it chance would give two samples of these sizes."""

    distance: float
    by_chance: float

    @property
    def beyond_chance(self) -> float:
        """What chance leaves of the distance; the squares add up, since they are the divergences."""
        return math.sqrt(max(0.0, self.distance**2 - self.by_chance**2))

    @property
    def verdict(self) -> Verdict:
        """Whether the distance is more than chance explains."""
        beyond = self.beyond_chance
        return "drifted" if beyond >= DRIFTED else "shifted" if beyond >= SHIFTED else "stable"


class DriftWindow:
    """The last pictures of a model, as counts; no picture is kept. It belongs to one thread."""

    def __init__(self, fingerprint: Fingerprint, length: int) -> None:
        """Compare the last `length` pictures with `fingerprint`."""
        self.length = length
        self._histograms = (fingerprint.size, fingerprint.brightness, fingerprint.contrast, fingerprint.confidence)
        self._expected = (*(histogram.counts for histogram in self._histograms), fingerprint.classes)
        self._counts = tuple([0] * len(counts) for counts in self._expected)
        self._bins: deque[tuple[int, ...]] = deque(maxlen=length)

    def __len__(self) -> int:
        return len(self._bins)

    @property
    def has_enough(self) -> bool:
        """Whether there are enough pictures for a verdict."""
        return len(self._bins) >= LEAST_PICTURES

    def add(self, measures: PictureMeasures, confidence: float, label: int) -> None:
        """Add one picture with its best probability and that label's index; the oldest one is dropped."""
        values = (*measures, confidence)
        bins = (*(h.bin_of(value) for h, value in zip(self._histograms, values, strict=True)), label)
        if len(self._bins) == self._bins.maxlen:
            for counts, index in zip(self._counts, self._bins[0], strict=True):
                counts[index] -= 1
        self._bins.append(bins)
        for counts, index in zip(self._counts, bins, strict=True):
            counts[index] += 1

    def features(self) -> dict[str, FeatureDrift]:
        """Return the drift of each feature, or nothing where the window is empty."""
        if not self._bins:
            return {}
        compared = (compare(*pair) for pair in zip(self._expected, self._counts, strict=True))
        return dict(zip(FEATURES, compared, strict=True))

    def describe(self) -> dict[str, Any]:
        """Return the window as the fields of `GET /v1/models/NAME/drift`; its verdict is the worst of any feature."""
        features = self.features()
        found = {feature.verdict for feature in features.values()}
        worst = "drifted" if "drifted" in found else "shifted" if "shifted" in found else "stable"
        return {
            "verdict": worst if self.has_enough else "too_few_pictures",
            "pictures": len(self),
            "window": self.length,
            "least_pictures": LEAST_PICTURES,
            "method": METHOD,
            "thresholds": {"shifted": SHIFTED, "drifted": DRIFTED},
            "features": {
                name: {
                    "distance": round(feature.distance, 4),
                    "by_chance": round(feature.by_chance, 4),
                    "beyond_chance": round(feature.beyond_chance, 4),
                    "verdict": feature.verdict if self.has_enough else "too_few_pictures",
                }
                for name, feature in features.items()
            },
        }


def compare(expected: Sequence[int], found: Sequence[int]) -> FeatureDrift:
    """Return the drift between two lists of counts over the same bins, neither of them all zeros.

    Bins too rare for a comparison count together as one.
    """
    counts = np.array([expected, found], np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    rare = (counts / totals).mean(axis=0) * totals.min() < LEAST_EXPECTED
    if rare.any():
        counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    shares = counts / totals
    middle = shares.mean(axis=0)
    divergence = (_information(shares[0], middle) + _information(shares[1], middle)) / 2
    by_chance = (np.count_nonzero(middle) - 1) / (8 * math.log(2)) * float((1 / totals).sum())
    return FeatureDrift(math.sqrt(max(0.0, divergence)), math.sqrt(by_chance))


def _information(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return Kullback and Leibler's divergence of `p` from `q` in bits; `q` is positive wherever `p` is."""
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())
