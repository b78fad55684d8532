"""Which pixels of a line make each pixel of the resized line, and with what weight.

A resize is the same along both axes: pixel i of `target` is a weighted sum of a few pixels of `source`, its
taps. All of this is arithmetic on the two lengths, which may be known only when the graph runs, so it is part
of the graph; it is done in float64 and rounded where OpenCV does it (modules/imgproc/src/resize.cpp).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.preprocess.graph import Graph, Side

# OpenCV's INTER_RESIZE_COEF_SCALE: the weights of `linear` are whole multiples of 1/2048.
ONE = np.float32(2048)
# OpenCV leaves out what covers less of a pixel than this.
SMALLEST_OVERLAP = 1e-3


@dataclass(frozen=True)
class Taps:
    """int64 [target, K] positions in the source line and their float32 [target, K] weights.

    `scale` float64 [1] is the length of the source in units of the target.
    """

    positions: str
    weights: str
    scale: str


def nearest(graph: Graph, source: Side, target: Side) -> str:
    """Return the one source pixel of each target pixel, int64 [target] (OpenCV's INTER_NEAREST)."""
    position = graph.add("Floor", graph.add("Mul", _count(graph, target), _scale(graph, source, target)))
    return _inside(graph, graph.cast(position, TensorProto.INT64), source)


def linear(graph: Graph, source: Side, target: Side, clamped: bool) -> Taps:
    """Return the two taps of INTER_LINEAR, with weights that are whole numbers to 2048.

    OpenCV gives all weight to the outermost column where a column lies outside (`clamped`), but keeps the weights
    of rows, both of which are then the outermost row.
    """
    whole, fraction = _split(graph, centres(graph, source, target))
    if clamped:
        last = graph.cast(graph.add("Sub", graph.side(source), np.array([1])), TensorProto.FLOAT)
        outside = graph.add("Or", graph.add("Less", whole, np.float32(0)), graph.add("GreaterOrEqual", whole, last))
        fraction = graph.add("Where", outside, np.float32(0), fraction)
    return _pair(graph, source, target, whole, fraction)


def enlarging_area(graph: Graph, source: Side, target: Side) -> Taps:
    """Return the two taps of INTER_AREA where a side grows: a pixel takes in its neighbour only near its edge.

    The weights are whole numbers to 2048.
    """
    index = _count(graph, target)
    whole = graph.add("Floor", graph.add("Mul", index, _scale(graph, source, target)))
    edge = graph.add("Mul", graph.add("Add", whole, np.float64(1)), _inverse_scale(graph, source, target))
    beyond = graph.cast(graph.add("Sub", graph.add("Add", index, np.float64(1)), edge), TensorProto.FLOAT)
    fraction = graph.add("Sub", beyond, graph.add("Floor", beyond))
    last = graph.add("Sub", _double(graph, source), np.array([1.0]))
    none = graph.add("Or", graph.add("LessOrEqual", beyond, np.float32(0)), graph.add("GreaterOrEqual", whole, last))
    return _pair(graph, source, target, whole, graph.add("Where", none, np.float32(0), fraction))


def area(graph: Graph, source: Side, target: Side) -> Taps:
    """Return the taps of INTER_AREA where no side grows: how much of each source pixel a target pixel covers.

    Weights are in source pixels: whoever sums them divides by `scale`.
    """
    scale = _scale(graph, source, target)
    start = graph.add("Unsqueeze", graph.add("Mul", _count(graph, target), scale), np.array([1]))
    end = graph.add("Add", start, scale)
    longest = graph.add("Add", graph.cast(graph.add("Ceil", scale), TensorProto.INT64), np.array([1]))
    position = graph.add("Add", graph.add("Floor", start), _count(graph, longest))
    covered = graph.add(
        "Sub",
        graph.add("Min", end, graph.add("Add", position, np.float64(1))),
        graph.add("Max", start, position),
    )
    enough = graph.add("Greater", covered, np.float64(SMALLEST_OVERLAP))
    covered = graph.add("Where", enough, covered, np.float64(0))
    positions = _inside(graph, graph.cast(position, TensorProto.INT64), source)
    return Taps(positions, covered, scale)


def centres(graph: Graph, source: Side, target: Side) -> str:
    """Return where the centre of each target pixel lies in the source line, float32 [target]."""
    middle = graph.add("Add", _count(graph, target), np.float64(0.5))
    position = graph.add("Sub", graph.add("Mul", middle, _scale(graph, source, target)), np.float64(0.5))
    return graph.cast(position, TensorProto.FLOAT)


def _pair(graph: Graph, source: Side, target: Side, whole: str, fraction: str) -> Taps:
    """The pixel `whole` and the next one, which gets `fraction` of the weight."""
    both = (graph.add("Sub", np.float32(1), fraction), fraction)
    shares = graph.add("Concat", *(graph.add("Unsqueeze", share, np.array([1])) for share in both), axis=1)
    weights = graph.add("Round", graph.add("Mul", shares, ONE))
    return Taps(_positions(graph, source, whole, np.array([[0, 1]])), weights, _scale(graph, source, target))


def _positions(graph: Graph, source: Side, whole: str, steps: NDArray[np.int64]) -> str:
    """Return the pixels `steps` away from `whole`, int64 [target, K]; the outermost ones stand for what is beyond."""
    first = graph.add("Unsqueeze", graph.cast(whole, TensorProto.INT64), np.array([1]))
    return _inside(graph, graph.add("Add", first, steps), source)


def _split(graph: Graph, position: str) -> tuple[str, str]:
    whole = graph.add("Floor", position)
    return whole, graph.add("Sub", position, whole)


def _count(graph: Graph, length: Side) -> str:
    """0, 1, 2 and so on, as many as `length` says, float64."""
    limit = graph.add("Squeeze", _double(graph, length), np.array([0]))
    return graph.add("Range", np.float64(0), limit, np.float64(1))


def _double(graph: Graph, side: Side) -> str:
    return graph.cast(graph.side(side), TensorProto.DOUBLE)


def _inverse_scale(graph: Graph, source: Side, target: Side) -> str:
    return graph.add("Div", _double(graph, target), _double(graph, source))


def _scale(graph: Graph, source: Side, target: Side) -> str:
    """The reciprocal of a rounded quotient, as OpenCV has it; the direct quotient differs in the last bit.

    Not 1 divided by it: onnxruntime makes one division of that and the multiplication behind it.
    """
    return graph.add("Reciprocal", _inverse_scale(graph, source, target))


def _inside(graph: Graph, positions: str, source: Side) -> str:
    last = graph.add("Sub", graph.side(source), np.array([1]))
    return graph.add("Max", graph.add("Min", positions, last), np.array([0]))
