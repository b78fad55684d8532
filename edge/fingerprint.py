"""What the pictures of a model are like, in a few histograms that travel in its spec.

It exists so that a service can tell, without keeping a picture, that what it is shown is no longer what the model was
trained on. How pictures are measured stands in `edge.picture_measures`; the bins are stored beside the counts.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


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
