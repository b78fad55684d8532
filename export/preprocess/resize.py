"""Resizing: each method as the library that it is named for does it, in the fewest and cheapest nodes known.

Pillow's and TensorFlow's methods are ONNX's own Resize. OpenCV's (modules/imgproc/src/resize.cpp) are weighted sums of
lines: pixel i of a resized line is a sum of a few pixels of the source line, its taps. Their positions and weights are
computed in the graph, as the picture's size may be known only there: in float64, rounded where OpenCV rounds. Only the
lines that a result needs are gathered, as bytes, and turned into float32 afterwards: shrinking twelve megapixels to a
thumbnail by `linear` touches a few lines, and by `area` every byte once.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import TensorProto

from edge.errors import UsageError
from edge.steps import Method
from export.preprocess.graph import Graph, Picture, Side

# On uint8 onnxruntime resizes in fixed point and rounds to the nearest level, as Pillow does. Without
# exclude_outside, weights that fall outside the picture would be given to its border.
AS_WIDE_AS_THE_SCALE = {"antialias": 1, "exclude_outside": 1}
ONNX_RESIZES: dict[str, dict[str, Any]] = {
    "antialias": {"mode": "linear", **AS_WIDE_AS_THE_SCALE},
    "antialias-cubic": {"mode": "cubic", "cubic_coeff_a": -0.5, **AS_WIDE_AS_THE_SCALE},
    "tf": {"mode": "linear"},
    "tf-antialias": {"mode": "linear", **AS_WIDE_AS_THE_SCALE},
}
# OpenCV's INTER_RESIZE_COEF_SCALE: the weights of `linear` are multiples of 1/2048.
ONE_11_BIT = np.float32(2048)
# OpenCV leaves out what covers less of a pixel than this.
SMALLEST_OVERLAP = 1e-3

Axis = tuple[Side, Side]  # pixels before and after


@dataclass(frozen=True)
class Taps:
    """int64 [target, K] positions in the source line and their float32 [target, K] weights."""

    positions: str
    weights: str


def resize(graph: Graph, picture: Picture, height: Side, width: Side, method: Method) -> Picture:
    """Return `picture` as uint8 [N, height, width, c]; float32 by `tf` and `tf-antialias`, and by `nearest` if it was.

    Raises UsageError for a picture whose levels are not integers any more, except for those three methods.
    """
    if picture.channels_first:
        raise UsageError("a resize must come before channels_first; change the order of the steps")
    if not picture.is_whole and method not in ("tf", "tf-antialias", "nearest"):
        raise UsageError(f"a resize by {method} takes integer levels 0 to 255; put it before scaling and subtracting")
    rows, columns = (picture.height, height), (picture.width, width)
    resized = replace(picture, height=height, width=width)
    match method:
        case "antialias" | "antialias-cubic" | "tf" | "tf-antialias":
            is_float = method in ("tf", "tf-antialias")
            tensor = graph.as_float(picture) if is_float else graph.as_bytes(picture)
            settings = {"coordinate_transformation_mode": "half_pixel", "axes": [1, 2], **ONNX_RESIZES[method]}
            tensor = graph.add("Resize", tensor, "", "", graph.sides(height, width), **settings)
            return replace(resized, tensor=tensor, is_float=is_float, is_whole=not is_float)
        case "nearest":
            lines = graph.add("Gather", picture.tensor, _nearest(graph, rows), axis=1)
            return replace(resized, tensor=graph.add("Gather", lines, _nearest(graph, columns), axis=2))
        case "linear":
            tensor = _fixed_point(graph, picture, _linear(graph, rows, False), _linear(graph, columns, True), height)
        case "area":
            tensor = _area(graph, picture, height, width)
        case "cubic":
            raise UsageError("a resize by cubic is only read in older files; use antialias-cubic or linear")
    return replace(resized, tensor=tensor, is_float=False)


def _nearest(graph: Graph, axis: Axis) -> str:
    """Return the source pixel of each target pixel, int64 [target] (OpenCV's INTER_NEAREST)."""
    position = graph.add("Floor", graph.add("Mul", _count(graph, axis[1]), _scale(graph, axis)))
    return _inside(graph, graph.cast(position, TensorProto.INT64), axis[0])


def _linear(graph: Graph, axis: Axis, clamped: bool) -> Taps:
    """Return the two taps of INTER_LINEAR, with weights that are integers to 2048.

    OpenCV gives all weight to the outermost column where a column lies outside (`clamped`), but keeps the weights
    of rows, both of which are then the outermost row.
    """
    middle = graph.add("Add", _count(graph, axis[1]), np.float64(0.5))
    centre = graph.add("Sub", graph.add("Mul", middle, _scale(graph, axis)), np.float64(0.5))
    centre = graph.cast(centre, TensorProto.FLOAT)
    whole = graph.add("Floor", centre)
    fraction = graph.add("Sub", centre, whole)
    if clamped:
        last = graph.cast(graph.add("Sub", graph.side(axis[0]), np.array([1])), TensorProto.FLOAT)
        outside = graph.add("Or", graph.add("Less", whole, np.float32(0)), graph.add("GreaterOrEqual", whole, last))
        fraction = graph.add("Where", outside, np.float32(0), fraction)
    return _pair(graph, axis[0], whole, fraction)


def _enlarging_area(graph: Graph, axis: Axis) -> Taps:
    """Return the two taps of INTER_AREA where a side grows: a pixel takes in its neighbour only near its edge."""
    index = _count(graph, axis[1])
    whole = graph.add("Floor", graph.add("Mul", index, _scale(graph, axis)))
    edge = graph.add("Mul", graph.add("Add", whole, np.float64(1)), _inverse_scale(graph, axis))
    beyond = graph.cast(graph.add("Sub", graph.add("Add", index, np.float64(1)), edge), TensorProto.FLOAT)
    fraction = graph.add("Sub", beyond, graph.add("Floor", beyond))
    last = graph.add("Sub", _double(graph, axis[0]), np.array([1.0]))
    none = graph.add("Or", graph.add("LessOrEqual", beyond, np.float32(0)), graph.add("GreaterOrEqual", whole, last))
    return _pair(graph, axis[0], whole, graph.add("Where", none, np.float32(0), fraction))


def _pair(graph: Graph, source: Side, whole: str, fraction: str) -> Taps:
    """Return the pixel `whole` and the next one, which gets `fraction` of the weight, as taps."""
    both = (graph.add("Sub", np.float32(1), fraction), fraction)
    shares = graph.add("Concat", *(graph.add("Unsqueeze", share, np.array([1])) for share in both), axis=1)
    first = graph.add("Unsqueeze", graph.cast(whole, TensorProto.INT64), np.array([1]))
    positions = _inside(graph, graph.add("Add", first, np.array([[0, 1]])), source)
    return Taps(positions, graph.add("Round", graph.add("Mul", shares, ONE_11_BIT)))


def _fixed_point(graph: Graph, picture: Picture, rows: Taps, columns: Taps, height: Side) -> str:
    """OpenCV's two by two neighbours in fixed point: 11 bits along a line, of which 4 are dropped, and 11 across.

    Nothing is negative, so a cast to integers drops bits, in a third of the time of Floor.
    """
    upper_first = graph.add("Reshape", graph.add("Transpose", rows.positions, perm=[1, 0]), np.array([-1]))
    lines = graph.add("Gather", picture.tensor, upper_first, axis=1)
    turned = graph.add("Transpose", graph.add("Reshape", lines, graph.sides(0, 0, -1)), perm=[0, 2, 1])
    turned = graph.add("Reshape", turned, graph.sides(0, picture.width, -1))
    sixteenths = replace(columns, weights=graph.add("Div", columns.weights, np.float32(16)))
    along = graph.cast(_sum_lines(graph, turned, sixteenths), TensorProto.INT32)
    pairs = graph.add("Reshape", graph.cast(along, TensorProto.FLOAT), graph.sides(0, -1, 2, height))
    across = graph.add("Div", graph.add("Transpose", rows.weights, perm=[1, 0]), np.float32(65536))
    products = graph.cast(graph.add("Mul", pairs, across), TensorProto.INT32)
    summed = graph.add("Add", *(graph.add("Gather", products, np.int64(i), axis=2) for i in (0, 1)))
    quarters = graph.add("Mul", graph.cast(summed, TensorProto.FLOAT), np.float32(0.25))
    return _upright_levels(graph, graph.add("Add", quarters, np.float32(0.5)), height, picture.channels)


def _area(graph: Graph, picture: Picture, height: Side, width: Side) -> str:
    """INTER_AREA, which is another method where one of the sides grows."""

    def measured() -> Picture:
        # Of the picture itself, here and in each branch, not of what is known of it: see Graph.branch.
        sides = (graph.add("Shape", picture.tensor, start=axis, end=axis + 1) for axis in (1, 2))
        return replace(picture, height=next(sides), width=next(sides))

    def enlarged() -> str:
        known = measured()
        rows = _enlarging_area(graph, (known.height, height))
        return _fixed_point(graph, known, rows, _enlarging_area(graph, (known.width, width)), height)

    def shrunk() -> str:
        known = measured()
        return _covered(graph, known, (known.height, height), (known.width, width))

    whole = measured()
    growth = graph.add("Sub", graph.sides(height, width), graph.sides(whole.height, whole.width))
    grows = graph.add("Greater", graph.add("ReduceMax", growth, keepdims=0), np.int64(0))
    return graph.branch(grows, then=enlarged, otherwise=shrunk)


def _covered(graph: Graph, picture: Picture, rows: Axis, columns: Axis) -> str:
    """The mean of the covered pixels.

    Where both scales are integers, OpenCV sums integer levels and multiplies once, and rounds halves up for 2 by 2;
    else it weighs in float32 and rounds halves to even. Means that end in a half are common, so both are done.
    """
    scales = [_scale(graph, axis) for axis in (rows, columns)]
    is_whole = graph.add("And", *(graph.add("Equal", scale, graph.add("Floor", scale)) for scale in scales))
    down, along = (_overlaps(graph, *pair, is_whole) for pair in zip((rows, columns), scales, strict=True))
    # Lines are summed as one piece each; turned on its side, a column of pixels is one.
    turned = graph.add("Transpose", _sum_lines(graph, picture.tensor, down), perm=[0, 2, 1])
    summed = _sum_lines(graph, graph.add("Reshape", turned, graph.sides(0, picture.width, -1)), along)
    share = graph.add("Div", np.array([1.0]), graph.add("Mul", *scales))
    factor = graph.cast(graph.add("Where", is_whole, share, np.array([1.0])), TensorProto.FLOAT)
    is_two = graph.add("And", *(graph.add("Equal", scale, np.array([2.0])) for scale in scales))
    up = graph.add("Where", is_two, np.array([0.125], np.float32), np.array([0], np.float32))
    rounded = graph.add("Round", graph.add("Add", graph.add("Mul", summed, factor), up))
    return _upright_levels(graph, rounded, rows[1], picture.channels)


def _overlaps(graph: Graph, axis: Axis, scale: str, is_whole: str) -> Taps:
    """Return how much of each source pixel a target pixel covers, as its share of all that it covers.

    Where the scale is an integer (`is_whole`) every covered pixel counts 1 instead.
    """
    start = graph.add("Unsqueeze", graph.add("Mul", _count(graph, axis[1]), scale), np.array([1]))
    end = graph.add("Add", start, scale)
    longest = graph.add("Add", graph.cast(graph.add("Ceil", scale), TensorProto.INT64), np.array([1]))
    position = graph.add("Add", graph.add("Floor", start), _count(graph, longest))
    right = graph.add("Min", end, graph.add("Add", position, np.float64(1)))
    covered = graph.add("Sub", right, graph.add("Max", start, position))
    enough = graph.add("Greater", covered, np.float64(SMALLEST_OVERLAP))
    covered = graph.add("Where", enough, covered, np.float64(0))
    unit = graph.add("Where", is_whole, np.array([1.0]), scale)
    weights = graph.cast(graph.add("Div", covered, unit), TensorProto.FLOAT)
    return Taps(_inside(graph, graph.cast(position, TensorProto.INT64), axis[0]), weights)


def _sum_lines(graph: Graph, tensor: str, lines: Taps) -> str:
    """Return float32 [N, target, rest]: the weighted sums of lines of `tensor` [N, source, ...]."""
    read = graph.add("Gather", tensor, graph.add("Reshape", lines.positions, np.array([-1])), axis=1)
    shape = graph.add("Concat", np.array([0]), graph.add("Shape", lines.positions), np.array([-1]), axis=0)
    groups = graph.add("Reshape", graph.cast(read, TensorProto.FLOAT), shape)
    sums = graph.add("MatMul", graph.add("Unsqueeze", lines.weights, np.array([1])), groups)
    return graph.add("Squeeze", sums, np.array([2]))


def _upright_levels(graph: Graph, turned: str, height: Side, channels: int) -> str:
    """Return uint8 [N, height, w, c] for levels, float32 [N, w, c * height], whose fractions are dropped."""
    columns = graph.add("Reshape", graph.cast(turned, TensorProto.UINT8), graph.sides(0, -1, height))
    return graph.add("Reshape", graph.add("Transpose", columns, perm=[0, 2, 1]), graph.sides(0, 0, -1, channels))


def _count(graph: Graph, length: Side) -> str:
    """Return 0, 1, 2 and so on, as many as `length` says, float64."""
    limit = graph.add("Squeeze", _double(graph, length), np.array([0]))
    return graph.add("Range", np.float64(0), limit, np.float64(1))


def _double(graph: Graph, side: Side) -> str:
    return graph.cast(graph.side(side), TensorProto.DOUBLE)


def _inverse_scale(graph: Graph, axis: Axis) -> str:
    return graph.add("Div", _double(graph, axis[1]), _double(graph, axis[0]))


def _scale(graph: Graph, axis: Axis) -> str:
    """Return source / target as the reciprocal of a rounded quotient, as OpenCV does; the last bit differs.

    Not as 1 divided by it: onnxruntime would fuse that division with the multiplication behind it.
    """
    return graph.add("Reciprocal", _inverse_scale(graph, axis))


def _inside(graph: Graph, positions: str, source: Side) -> str:
    """Return positions in a line, those beyond its ends moved to its outermost pixel."""
    last = graph.add("Sub", graph.side(source), np.array([1]))
    return graph.add("Max", graph.add("Min", positions, last), np.array([0]))
