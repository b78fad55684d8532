"""Compare the source network with the ONNX graph, before anything is written.

Both sides get the same pictures: the source network behind the preprocessing graph alone, as in training, and ONNX as
the whole merged graph. A difference is accepted up to an absolute limit, or, where rounding alone moves a network
further, up to `NOISE_FACTOR` times what rounding makes of the worst picture: the same graph in float32 and in float64.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from edge.errors import ParityError
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from export.graph.session import OfPictures, answers

# Float32 sums of a few thousand terms in another order differ by about 1e-7; this is a hundred times that,
# and a hundred times below what could change an answer that anyone would trust.
TOLERANCE = 1e-5
# Both sides round, and sum in ways of their own; TensorFlow was up to 4 times as far from float64 as the file.
NOISE_FACTOR = 5
# A network that gives a constant would be off by half of what answers move by at least.
SPREAD_FACTOR = 3

# Height x width of the odd sizes, taken in turn: neither square, even nor near the network's own.
ODD_SIZES_PX = ((13, 29), (97, 61), (31, 33), (1, 7), (121, 240))
# What a picture's red, green and blue are multiplied by, to give it colour where it had none.
TINT = np.array([1.0, 0.7, 0.4], np.float32)
# Larger pictures are not kept as samples for the artifact.
SMALL_SIDE_PX = 256

# Pictures that the source answers at once (Keras takes milliseconds to answer one, and little more for many), and the
# bytes of their arrays: between its layers a network may need a hundred times as much.
BATCH, BATCH_BYTES = 64, 8 << 20

# What the reference evaluator raises for what it cannot compute in float64.
UNABLE = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)  # NotImplementedError is a RuntimeError

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class View:
    """One picture, uint8 RGB [H, W, 3], as it came or changed in size and colour, and its name."""

    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """The probabilities [classes] of the source for one view, and how far ONNX was from them.

    Two labels whose probabilities the tolerance cannot tell apart count as the same best one. `view` is None for a
    picture that is too large for a sample, so that thousands fit into memory. `array` is the prepared picture
    [1, h, w, c], for a difference past the tolerance and past all before it.
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
    views: Iterable[View], preprocessing: OfPictures, reference: Network, file: OfPictures, tolerance: float = TOLERANCE
) -> Iterator[Comparison]:
    """Yield a comparison for each view.

    `preprocessing` takes uint8 RGB [1, H, W, 3] to float32 [1, h, w, c], `reference` takes [N, h, w, c] to
    probabilities [N, classes], and `file` goes from the first to the last in one step.
    """
    worst = tolerance
    answered = ((view, preprocessing(view.pixels[None]), file(view.pixels[None])) for view in views)
    while first := list(islice(answered, 1)):
        more = min(BATCH, max(1, BATCH_BYTES // first[0][1].nbytes)) - 1
        chunk = first + list(islice(answered, more))
        expected = reference(np.concatenate([array for _, array, _ in chunk]))
        for (view, array, found), row in zip(chunk, expected, strict=True):
            difference = float(np.abs(row.astype(np.float64) - found[0]).max())
            is_same = bool(row.max() - row[found[0].argmax()] <= 2 * tolerance)
            is_worst = not difference <= worst
            worst = max(worst, difference)
            kept = view if max(view.pixels.shape) <= SMALL_SIDE_PX else None
            yield Comparison(view.name, kept, row, difference, is_same, array if is_worst else None)


def worst_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return the comparisons, those with another best label first, then those with the largest difference."""
    return sorted(
        comparisons, key=lambda c: (not c.same_top1, float(np.nan_to_num(c.difference, nan=np.inf))), reverse=True
    )


def count_pictures(comparisons: Iterable[Comparison]) -> int:
    """Return how many pictures were compared on, each at several sizes."""
    return len({comparison.name.rpartition(" at ")[0] for comparison in comparisons})


def is_within(comparison: Comparison, tolerance: float) -> bool:
    """Whether both sides give the same answer; a difference that is not a number is not within any tolerance."""
    return comparison.same_top1 and comparison.difference <= tolerance


def check_parity(
    comparisons: Iterable[Comparison], tolerance: float, noise: Callable[[NDArray[np.float32]], float] | None = None
) -> tuple[list[Comparison], float]:
    """Return the comparisons, worst first, and the limit that they are within: `tolerance`, or more where `noise` is.

    `noise` takes a prepared picture [1, h, w, c] to how far rounding moves its probabilities. Raises ParityError,
    naming the worst image, if any is past the limit or has another best label.
    """
    ranked = worst_first(comparisons)
    if not ranked:
        raise ParityError("there is no image to compare on; train again with more evaluation images")
    worst, limit = ranked[0], tolerance
    if noise and worst.same_top1 and worst.array is not None:
        limit = max(tolerance, NOISE_FACTOR * noise(worst.array))
    if not is_within(worst, limit):
        what = "" if worst.same_top1 else " and another best label"
        raise ParityError(
            f"the source network and its file disagree: {worst.name} has a largest difference of "
            f"{worst.difference:.1e}{what}; the limit is {limit:.0e} (--tolerance). Nothing was written"
        )
    return ranked, limit


def require_different_answers(comparisons: Collection[Comparison], tolerance: float) -> None:
    """Raise ParityError if the source gives the same answer to all pictures: any other constant would agree with it.

    Answers that move by little, but by far more than the two sides differ, are not the same.
    """
    expected = [comparison.expected for comparison in comparisons]
    largest = max(comparison.difference for comparison in comparisons)
    spread = max(float(np.abs(row - expected[0]).max()) for row in expected)
    if len(expected) > 1 and not spread > min(tolerance, SPREAD_FACTOR * largest):
        raise ParityError(
            f"the network answers the same for all {len(expected)} pictures (probabilities move by {spread:.1e}), so "
            "comparing proves nothing. Its weights or its preprocessing are wrong, or it needs other pictures "
            "(--images DIR). Nothing was written"
        )


def rounding_noise(network: onnx.ModelProto, array: NDArray[np.float32]) -> float:
    """Return the largest difference of a probability between `network` in float32 and in float64.

    `array` is one prepared picture, float32 [1, h, w, c]. Returns 0 where float64 cannot be computed. onnx's reference
    evaluator is slow, so this is for the one picture on which a comparison is furthest past its tolerance.
    """
    try:
        evaluator = ReferenceEvaluator(_in_float64(network), new_ops=[Conv])
        results: Any = evaluator.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: array.astype(np.float64)})
    except UNABLE:
        return 0.0
    return float(np.abs(answers(network, array).astype(np.float64) - results[0]).max())


def _in_float64(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return `network` with float64 in the place of float32."""
    model = onnx.ModelProto()
    model.CopyFrom(network)
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.append(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


class Conv(OpRun):
    """A convolution over two axes as one matrix product a group; onnx's own takes minutes where there are many."""

    op_domain = ""

    def _run(self, x: Any, w: Any, b: Any = None, **given: Any) -> tuple[NDArray[np.float64]]:
        settings: dict[str, Any] = {"strides": [1, 1], "dilations": [1, 1], "group": 1, "pads": [0, 0, 0, 0]}
        settings |= {name: value for name, value in given.items() if value is not None}
        if x.ndim != 4 or settings.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise NotImplementedError("only convolutions over two axes with known borders")
        (down, right), (step_down, step_right) = settings["strides"], settings["dilations"]
        top, left, bottom, end = settings["pads"]
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, end)))
        reach = [(size - 1) * step + 1 for size, step in zip(w.shape[2:], settings["dilations"], strict=True)]
        windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
        windows = windows[:, :, ::down, ::right, ::step_down, ::step_right]
        n, _, height, width, *kernel = windows.shape
        groups = settings["group"]
        columns = windows.reshape(n, groups, -1, height, width, *kernel).transpose(0, 1, 3, 4, 2, 5, 6)
        filters = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)
        products = columns.reshape(n, groups, height * width, -1) @ filters
        result = products.transpose(0, 1, 3, 2).reshape(n, len(w), height, width)
        return (result if b is None else result + b.reshape(1, -1, 1, 1),)
