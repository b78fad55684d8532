"""How far what a service sees is from what its model was trained on.

The distance is Jensen and Shannon's (Lin 1991, DOI 10.1109/18.61115; its root is a metric: Endres and Schindelin
2003), in base 2: 0 for equal distributions, 1 for those that have nothing in common. Unlike the population
stability index it needs no made-up counts for empty bins. For small changes the index is 8 ln 2 times its square,
so the index's customary limits of 0.1 and 0.25 are 0.134 and 0.212 here.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.fingerprint import PictureMeasures
from edge.spec import Fingerprint

SHIFTED = 0.134
DRIFTED = 0.212
# With fewer pictures, chance alone would be mistaken for change.
LEAST_PICTURES = 200
# Where the smaller sample should have fewer, a bin says nothing (the rule of the chi-square test, Cochran 1954).
LEAST_EXPECTED = 5

Verdict = Literal["stable", "shifted", "drifted", "too_few_pictures"]
FEATURES = ("size", "brightness", "contrast", "confidence", "classes")


@dataclass(frozen=True)
class FeatureDrift:
    """The distance of one feature, and how much of it chance would give two samples of these sizes."""

    distance: float
    by_chance: float

    @property
    def beyond_chance(self) -> float:
        """What is left of the distance: the squares add up, since it is they that are divergences."""
        return math.sqrt(max(0.0, self.distance**2 - self.by_chance**2))

    @property
    def verdict(self) -> Verdict:
        """Whether the distance is more than chance explains, by the limits of this module."""
        beyond = self.beyond_chance
        return "drifted" if beyond >= DRIFTED else "shifted" if beyond >= SHIFTED else "stable"


class DriftWindow:
    """The last pictures of a model, as counts. It belongs to one thread, and keeps no picture."""

    def __init__(self, fingerprint: Fingerprint, length: int) -> None:
        """Compare the last `length` pictures with `fingerprint`."""
        self.length = length
        self._histograms = (fingerprint.size, fingerprint.brightness, fingerprint.contrast, fingerprint.confidence)
        self._expected = (*(histogram.counts for histogram in self._histograms), fingerprint.classes)
        self._counts = tuple([0] * len(counts) for counts in self._expected)
        self._places: deque[tuple[int, ...]] = deque(maxlen=length)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def is_telling(self) -> bool:
        """Whether there are enough pictures for a verdict."""
        return len(self._places) >= LEAST_PICTURES

    def add(self, measures: PictureMeasures, confidence: float, label: int) -> None:
        """Take up one picture with its best probability and the place of that label; the oldest one falls out."""
        values = (*measures, confidence)
        places = (*(h.bin_of(value) for h, value in zip(self._histograms, values, strict=True)), label)
        if len(self._places) == self._places.maxlen:
            for counts, place in zip(self._counts, self._places[0], strict=True):
                counts[place] -= 1
        self._places.append(places)
        for counts, place in zip(self._counts, places, strict=True):
            counts[place] += 1

    def features(self) -> dict[str, FeatureDrift]:
        """Return the drift of each feature, or nothing where the window is empty."""
        if not self._places:
            return {}
        compared = (compare(*pair) for pair in zip(self._expected, self._counts, strict=True))
        return dict(zip(FEATURES, compared, strict=True))

    def verdict(self) -> Verdict:
        """Return the worst verdict on any feature."""
        if not self.is_telling:
            return "too_few_pictures"
        found = {feature.verdict for feature in self.features().values()}
        return "drifted" if "drifted" in found else "shifted" if "shifted" in found else "stable"


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
    """Return Kullback and Leibler's divergence of `p` from `q`, in bits; `q` is positive wherever `p` is."""
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())
