"""Compare the source network with the ONNX graph, before anything is written.

A converter can be wrong for one model in a thousand, silently. Both sides get the same pictures; the source sees them
through the preprocessing graph alone, as in training, and ONNX through the whole merged graph.

What is accepted is an absolute limit, and where rounding alone takes a network further (see export/parity/noise.py),
`NOISE_FACTOR` times as far as its own graph in float32 is from float64. That is measured rather than derived from the
size of the logits, for it tells rounding, which both sides do, from a wrong conversion, which only one does.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ParityError
from export.graph.session import OfPictures

# Float32 sums of a few thousand terms in another order differ by about 1e-7; this is a hundred times that,
# and a hundred times below what could change an answer that anyone would trust.
TOLERANCE = 1e-5
# Both sides round, and sum in ways of their own; TensorFlow was up to 4 times as far from float64 as the file.
NOISE_FACTOR = 5
# A constant would be off by half of what answers move by at least; so this much more tells the file from one.
SPREAD_FACTOR = 3
# Of so many comparisons past the tolerance, the worst, the noise is measured.
MOST_MEASURED = 3

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
# From one prepared picture, float32 [1, h, w, c], to how far rounding takes its probabilities.
Noise = Callable[[NDArray[np.float32]], float]

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
    """What both sides said of one view: probabilities of the source, and how far ONNX was from them.

    Two labels whose probabilities the tolerance cannot tell apart count as the same best one. `view` is None for a
    picture that is not small, and later for all but the worst: thousands of them would not fit into memory. `array` is
    the prepared picture [1, h, w, c], for a difference past the tolerance.
    """

    name: str
    view: View | None
    expected: NDArray[np.float32]
    difference: float
    same_top1: bool
    array: NDArray[np.float32] | None = None


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
    views: Iterable[View], preprocessing: OfPictures, reference: Network, onnx: OfPictures, tolerance: float = TOLERANCE
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
        for (name, small, array, found), row in zip(chunk, expected, strict=True):
            difference = float(np.abs(row.astype(np.float64) - found[0]).max())
            is_same = bool(row.max() - row[found[0].argmax()] <= 2 * tolerance)
            yield Comparison(name, small, row, difference, is_same, None if difference <= tolerance else array)


def worst_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return the comparisons, those with another best label first, then those with the largest difference.

    Only the worst `PICTURES_KEPT` that have their picture keep it, and the worst `MOST_MEASURED` their arrays.
    """
    found: list[Comparison] = []
    pictures: list[tuple[bool, float, int]] = []  # heaps, the least bad first; of equals the earlier is the worse
    arrays: list[tuple[bool, float, int]] = []
    for index, comparison in enumerate(comparisons):
        found.append(comparison)
        if comparison.view is not None:
            heappush(pictures, (*_badness(comparison), -index))
        if comparison.array is not None:
            heappush(arrays, (*_badness(comparison), -index))
        if len(pictures) > PICTURES_KEPT:
            dropped = -heappop(pictures)[2]
            found[dropped] = replace(found[dropped], view=None)
        if len(arrays) > MOST_MEASURED:
            dropped = -heappop(arrays)[2]
            found[dropped] = replace(found[dropped], array=None)
    return sorted(found, key=_badness, reverse=True)


def _badness(comparison: Comparison) -> tuple[bool, float]:
    return not comparison.same_top1, float(np.nan_to_num(comparison.difference, nan=np.inf))


def count_pictures(comparisons: Iterable[Comparison]) -> int:
    """Return how many pictures were compared on, each at several sizes."""
    return len({comparison.name.rpartition(" at ")[0] for comparison in comparisons})


def is_within(comparison: Comparison, tolerance: float) -> bool:
    """Whether both sides say the same; a difference that is not a number is not."""
    return comparison.same_top1 and comparison.difference <= tolerance


def check_parity(
    comparisons: Iterable[Comparison], tolerance: float = TOLERANCE, noise: Noise | None = None
) -> tuple[list[Comparison], float]:
    """Return the comparisons, worst first, and the limit that they are within: `tolerance`, or more where noise is.

    Raises ParityError, naming the worst image, if any is past it, or has another best label.
    """
    ranked = worst_first(comparisons)
    if not ranked:
        raise ParityError("there is no image to compare on; train again with more evaluation images")
    worst, limit = ranked[0], tolerance
    if noise and not is_within(worst, tolerance) and all(c.same_top1 for c in ranked):
        measured = [NOISE_FACTOR * noise(c.array) for c in ranked[:MOST_MEASURED] if c.array is not None]
        limit = max(tolerance, min(measured, default=0.0))
    if not is_within(worst, limit):
        what = "" if worst.same_top1 else " and another best label"
        raise ParityError(
            f"the source network and its file disagree: {worst.name} has a largest difference of "
            f"{worst.difference:.1e}{what}; the limit is {limit:.0e} (--tolerance). Nothing was written"
        )
    return ranked, limit


def require_different_answers(comparisons: Collection[Comparison], tolerance: float) -> None:
    """Raise ParityError if the source says the same of all pictures: then any other constant would agree with it.

    Answers that move by little, but by far more than the two sides differ, are not the same.
    """
    expected = [comparison.expected for comparison in comparisons]
    largest = max(comparison.difference for comparison in comparisons)
    spread = max(float(np.abs(row - expected[0]).max()) for row in expected)
    if len(expected) > 1 and not spread > min(tolerance, SPREAD_FACTOR * largest):
        raise ParityError(
            f"the network answers the same for all {len(expected)} pictures (probabilities move by {spread:.1e}), so "
            "nothing is proven by comparing. Its weights or its preprocessing are wrong, or it needs other pictures "
            "(--images DIR). Nothing was written"
        )
