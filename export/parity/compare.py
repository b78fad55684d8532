"""Compare the original network with the ONNX graph, before anything is written.

It exists because a converter can be wrong for one model in a thousand, silently. Both sides get the same
pictures; the original sees them through the preprocessing graph alone, as in training, and ONNX through the whole
welded graph.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ParityError

# Float32 sums of a few thousand terms in another order differ by about 1e-7; this is a hundred times that,
# and a hundred times below what could change an answer that anyone would trust.
TOLERANCE = 1e-5

# Height x width of the odd sizes, taken in turn: neither square, even nor near the network's own.
ODD_SIZES_PX = ((13, 29), (97, 61), (31, 33), (1, 7), (121, 240))

# Levels by which a picture's red, green and blue are multiplied to give it colour where it had none.
TINT = np.array([1.0, 0.7, 0.4], np.float32)

# Samples inside an artifact are no larger.
SMALL_SIDE_PX = 256

# Pictures that the original gets at once; Keras takes milliseconds to answer one, and little more for many.
BATCH = 64
# Bytes of their arrays; between its layers a network may need a hundred times as much.
BATCH_BYTES = 8 << 20

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
# From uint8 RGB [N, H, W, 3] to what a network takes, or to what it gives.
OfPictures = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

# Comparisons whose pictures are kept, the worst, for the samples inside an artifact; there are thousands of others.
PICTURES_KEPT = 6


@dataclass(frozen=True)
class View:
    """One picture to compare on, as it came or changed in size and colour."""

    name: str
    pixels: NDArray[np.uint8]

    @property
    def is_small(self) -> bool:
        """Whether the picture may stay in memory, and be a sample inside the artifact."""
        height, width = self.pixels.shape[:2]
        return int(max(height, width)) <= SMALL_SIDE_PX


@dataclass(frozen=True)
class Comparison:
    """What both sides said of one view: probabilities of the original, and how far ONNX was from them.

    `view` is None for a picture that is not small, and later for all but the worst: thousands of them would not
    fit into memory.
    """

    name: str
    view: View | None
    expected: NDArray[np.float32]
    difference: float
    same_top1: bool


def make_views(images: Iterable[tuple[str, NDArray[np.uint8]]]) -> Iterator[View]:
    """Yield each image, uint8 RGB [H, W, 3], at its native size, and at an odd size tinted and grey."""
    for i, (name, pixels) in enumerate(images):
        height, width = ODD_SIZES_PX[i % len(ODD_SIZES_PX)]
        odd = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(odd, cv2.COLOR_RGB2GRAY)
        yield View(f"{name} at {pixels.shape[0]}x{pixels.shape[1]}", pixels)
        yield View(f"{name} at {height}x{width} in colour", (odd * TINT).astype(np.uint8))
        yield View(f"{name} at {height}x{width} in grey", np.repeat(grey[:, :, None], 3, axis=2))


def compare(
    views: Iterable[View], preprocessing: OfPictures, reference: Network, onnx: OfPictures
) -> Iterator[Comparison]:
    """Yield a comparison for each view.

    `preprocessing` takes uint8 RGB [1, H, W, 3] to float32 [1, h, w, c], `reference` takes [N, h, w, c] to
    probabilities [N, classes], and `onnx` goes from the first to the last in one step.
    """
    answers = ((v.name, v if v.is_small else None, preprocessing(v.pixels[None]), onnx(v.pixels[None])) for v in views)
    while first := list(islice(answers, 1)):
        more = min(BATCH, max(1, BATCH_BYTES // first[0][2].nbytes)) - 1
        chunk = first + list(islice(answers, more))
        expected = reference(np.concatenate([array for _, _, array, _ in chunk]))
        for (name, small, _, found), row in zip(chunk, expected, strict=True):
            difference = float(np.abs(row.astype(np.float64) - found[0]).max())
            yield Comparison(name, small, row, difference, int(row.argmax()) == int(found[0].argmax()))


def worst_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return the comparisons, those with another best label first, then those with the largest difference.

    Only the worst `PICTURES_KEPT` that have their picture keep it.
    """
    found: list[Comparison] = []
    kept: list[tuple[bool, float, int]] = []  # a heap, the least bad first; of equals the earlier is the worse
    for index, comparison in enumerate(comparisons):
        found.append(comparison)
        if comparison.view is not None:
            heappush(kept, (*_badness(comparison), -index))
        if len(kept) > PICTURES_KEPT:
            dropped = -heappop(kept)[2]
            found[dropped] = replace(found[dropped], view=None)
    return sorted(found, key=_badness, reverse=True)


def _badness(comparison: Comparison) -> tuple[bool, float]:
    return not comparison.same_top1, float(np.nan_to_num(comparison.difference, nan=np.inf))


def count_pictures(comparisons: Iterable[Comparison]) -> int:
    """Return how many pictures were compared on, each at several sizes."""
    return len({comparison.name.rpartition(" at ")[0] for comparison in comparisons})


def is_within(comparison: Comparison, tolerance: float) -> bool:
    """Whether both sides say the same; a difference that is not a number is not."""
    return comparison.same_top1 and comparison.difference <= tolerance


def check_parity(comparisons: Iterable[Comparison], tolerance: float = TOLERANCE) -> list[Comparison]:
    """Return the comparisons, worst first. Raises ParityError, naming the worst image, if any is past `tolerance`."""
    ranked = worst_first(comparisons)
    if not ranked:
        raise ParityError("there is no image to compare on; train again with more held-out images")
    worst = ranked[0]
    if not is_within(worst, tolerance):
        what = "" if worst.same_top1 else " and another best label"
        raise ParityError(
            f"the original network and its file disagree: {worst.name} has a largest difference of "
            f"{worst.difference:.1e}{what}; the limit is {tolerance:.0e}. Nothing was written"
        )
    return ranked


def require_different_answers(comparisons: Iterable[Comparison], tolerance: float) -> None:
    """Raise ParityError if the original says the same of all pictures: then any other constant would agree with it."""
    expected = [comparison.expected for comparison in comparisons]
    spread = max(float(np.abs(row - expected[0]).max()) for row in expected)
    if len(expected) > 1 and not spread > tolerance:
        raise ParityError(
            f"the network answers the same for all {len(expected)} pictures (probabilities move by {spread:.1e}), so "
            "nothing is proven by comparing. Its weights or its preprocessing are wrong, or it needs other pictures "
            "(--images DIR). Nothing was written"
        )
