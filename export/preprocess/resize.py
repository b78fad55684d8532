"""Resizing: each method as the library that it is named for does it, in the fewest and cheapest nodes known.

Only what a result needs is read: the rows are gathered first, as whole lines of bytes, and turned into
float32 afterwards. So shrinking twelve megapixels to a thumbnail by `linear` touches a few lines, and by `area`
every byte once.
"""

from dataclasses import replace

import numpy as np
from onnx import TensorProto

from edge.errors import UsageError
from edge.steps import Method
from export.preprocess import taps
from export.preprocess.graph import Graph, Picture, Side
from export.preprocess.taps import Taps

# onnxruntime copies pixels that are gathered one by one, at 7.5 ns each, and turns a picture of bytes at 0.1 ns a byte:
# from so many columns on, turning all that were read is faster, up to twenty times as many (both measured).
MANY_COLUMNS = 64


def resize(graph: Graph, picture: Picture, height: Side, width: Side, method: Method) -> Picture:
    """Return `picture` as uint8 [N, height, width, c]; float32 by `tf` and `tf-antialias`, and by `nearest` if it was.

    Raises UsageError for a picture whose levels are not whole any more, except for `tf`, `tf-antialias` and `nearest`.
    """
    if picture.channels_first:
        raise UsageError("a resize must come before channels_first; change the order of the steps")
    if not picture.is_whole and method not in ("tf", "tf-antialias", "nearest"):
        raise UsageError(f"a resize by {method} works in whole levels 0 to 255; put it before scaling and subtracting")
    rows, columns = (picture.height, height), (picture.width, width)
    resized = replace(picture, height=height, width=width)
    match method:
        case "antialias" | "antialias-cubic":
            tensor = _antialias(graph, picture, height, width, method)
        case "nearest":
            return replace(resized, tensor=_nearest(graph, picture, rows, columns))
        case "linear":
            pairs = taps.linear(graph, *rows, clamped=False), taps.linear(graph, *columns, clamped=True)
            tensor = _fixed_point(graph, picture, *pairs, height)
        case "cubic":
            raise UsageError(
                "a resize by cubic is only read in files of before, not made any more; use antialias-cubic or linear"
            )
        case "area":
            tensor = _area(graph, picture, rows, columns)
        case "tf" | "tf-antialias":
            tensor = _tensorflow(graph, picture, height, width, method)
            return replace(resized, tensor=tensor, is_float=True, is_whole=False)
    return replace(resized, tensor=tensor, is_float=False)


Axis = tuple[Side, Side]  # pixels before and after


def _antialias(graph: Graph, picture: Picture, height: Side, width: Side, method: Method) -> str:
    # On uint8 onnxruntime resizes in fixed point and rounds to the nearest level, as Pillow does. Without
    # exclude_outside, weights that fall outside the picture would be given to its border.
    mode = {"mode": "linear"} if method == "antialias" else {"mode": "cubic", "cubic_coeff_a": -0.5}
    settings = {"coordinate_transformation_mode": "half_pixel", "axes": [1, 2], "antialias": 1, "exclude_outside": 1}
    return graph.add("Resize", graph.as_bytes(picture), "", "", graph.sides(height, width), **mode, **settings)


def _tensorflow(graph: Graph, picture: Picture, height: Side, width: Side, method: Method) -> str:
    settings: dict[str, object] = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "axes": [1, 2]}
    if method == "tf-antialias":
        settings |= {"antialias": 1, "exclude_outside": 1}
    return graph.add("Resize", graph.as_float(picture), "", "", graph.sides(height, width), **settings)


def _nearest(graph: Graph, picture: Picture, rows: Axis, columns: Axis) -> str:
    lines = graph.add("Gather", picture.tensor, taps.nearest(graph, *rows), axis=1)
    wanted = taps.nearest(graph, *columns)
    if picture.is_float or (isinstance(columns[1], int) and columns[1] < MANY_COLUMNS):
        return graph.add("Gather", lines, wanted, axis=2)
    read = graph.add("Gather", _on_its_side(graph, lines, picture.width), wanted, axis=1)
    return _upright(graph, read, rows[1], picture.channels)


def _on_its_side(graph: Graph, lines: str, width: Side) -> str:
    """Return [N, width, c * height] for [N, height, width, c]: a column of pixels becomes one piece."""
    turned = graph.add("Transpose", graph.add("Reshape", lines, graph.sides(0, 0, -1)), perm=[0, 2, 1])
    return graph.add("Reshape", turned, graph.sides(0, width, -1))


def _fixed_point(graph: Graph, picture: Picture, rows: Taps, columns: Taps, height: Side) -> str:
    """OpenCV's two by two neighbours in fixed point: 11 bits along a line, of which 4 are dropped, and 11 across.

    Nothing is negative, so a cast to whole numbers drops bits, in a third of the time of Floor.
    """
    upper_first = graph.add("Reshape", graph.add("Transpose", rows.positions, perm=[1, 0]), np.array([-1]))
    lines = _on_its_side(graph, graph.add("Gather", picture.tensor, upper_first, axis=1), picture.width)
    sixteenths = replace(columns, weights=graph.add("Div", columns.weights, np.float32(16)))
    along = graph.cast(_sum_lines(graph, lines, sixteenths), TensorProto.INT32)
    pairs = graph.add("Reshape", graph.cast(along, TensorProto.FLOAT), graph.sides(0, -1, 2, height))
    across = graph.add("Div", graph.add("Transpose", rows.weights, perm=[1, 0]), np.float32(65536))
    products = graph.cast(graph.add("Mul", pairs, across), TensorProto.INT32)
    summed = graph.add("Add", *(graph.add("Gather", products, np.int64(i), axis=2) for i in (0, 1)))
    quarters = graph.add("Mul", graph.cast(summed, TensorProto.FLOAT), np.float32(0.25))
    return _levels(graph, graph.add("Add", quarters, np.float32(0.5)), height, picture.channels)


def _area(graph: Graph, picture: Picture, rows: Axis, columns: Axis) -> str:
    """INTER_AREA, which is another method where one of the sides grows."""
    height, width = rows[1], columns[1]

    def measured() -> Picture:
        # Of the picture itself, here and in each branch, not of what is known of it: see Graph.branch.
        sides = (graph.add("Shape", picture.tensor, start=axis, end=axis + 1) for axis in (1, 2))
        return replace(picture, height=next(sides), width=next(sides))

    def enlarged() -> str:
        known = measured()
        down = taps.enlarging_area(graph, known.height, height)
        return _fixed_point(graph, known, down, taps.enlarging_area(graph, known.width, width), height)

    def shrunk() -> str:
        known = measured()
        return _covered(graph, known, (known.height, height), (known.width, width))

    whole = measured()
    growth = graph.add("Sub", graph.sides(height, width), graph.sides(whole.height, whole.width))
    grows = graph.add("Greater", graph.add("ReduceMax", growth, keepdims=0), np.int64(0))
    return graph.branch(grows, then=enlarged, otherwise=shrunk)


def _covered(graph: Graph, picture: Picture, rows: Axis, columns: Axis) -> str:
    """The mean of the covered pixels.

    Where both scales are whole, OpenCV sums whole levels and multiplies once, and rounds halves up for 2 by 2;
    else it weighs in float32 and rounds halves to even. Means that end in a half are common, so both are done.
    """
    down, along = taps.area(graph, *rows), taps.area(graph, *columns)
    is_whole = graph.add("And", *(graph.add("Equal", t.scale, graph.add("Floor", t.scale)) for t in (down, along)))
    of_rows, of_columns = (_shared(graph, lines, is_whole) for lines in (down, along))
    summed = _weighted(graph, picture, of_rows, of_columns)
    pixels = graph.add("Mul", down.scale, along.scale)
    share = graph.add("Div", np.array([1.0]), pixels)
    factor = graph.cast(graph.add("Where", is_whole, share, np.array([1.0])), TensorProto.FLOAT)
    is_two = graph.add("And", *(graph.add("Equal", t.scale, np.array([2.0])) for t in (down, along)))
    up = graph.add("Where", is_two, np.array([0.125], np.float32), np.array([0], np.float32))
    rounded = graph.add("Round", graph.add("Add", graph.add("Mul", summed, factor), up))
    return _levels(graph, rounded, rows[1], picture.channels)


def _shared(graph: Graph, lines: Taps, is_whole: str) -> Taps:
    """Return the taps with their share of the sum as weight; where the scale is whole, every pixel counts 1."""
    unit = graph.add("Where", is_whole, np.array([1.0]), lines.scale)
    return replace(lines, weights=graph.cast(graph.add("Div", lines.weights, unit), TensorProto.FLOAT))


def _weighted(graph: Graph, picture: Picture, rows: Taps, columns: Taps) -> str:
    """Return the weighted sums of the taps, float32 [N, w, c * height]: down each column, then along each row."""
    down = _sum_lines(graph, picture.tensor, rows)
    # Lines are summed as one piece each; turned on its side, a column of pixels is one.
    turned = graph.add("Transpose", down, perm=[0, 2, 1])
    return _sum_lines(graph, graph.add("Reshape", turned, graph.sides(0, picture.width, -1)), columns)


def _levels(graph: Graph, turned: str, height: Side, channels: int) -> str:
    """Return uint8 [N, height, w, c] for levels, float32 [N, w, c * height], whose fractions are dropped."""
    return _upright(graph, graph.cast(turned, TensorProto.UINT8), height, channels)


def _upright(graph: Graph, turned: str, height: Side, channels: int) -> str:
    """Return [N, height, w, c] for [N, w, c * height]."""
    columns = graph.add("Reshape", turned, graph.sides(0, -1, height))
    return graph.add("Reshape", graph.add("Transpose", columns, perm=[0, 2, 1]), graph.sides(0, 0, -1, channels))


def _sum_lines(graph: Graph, tensor: str, lines: Taps) -> str:
    """Return float32 [N, target, rest]: the weighted sums of lines of `tensor` [N, source, ...]."""
    read = graph.add("Gather", tensor, graph.add("Reshape", lines.positions, np.array([-1])), axis=1)
    shape = graph.add("Concat", np.array([0]), graph.add("Shape", lines.positions), np.array([-1]), axis=0)
    groups = graph.add("Reshape", graph.cast(read, TensorProto.FLOAT), shape)
    sums = graph.add("MatMul", graph.add("Unsqueeze", lines.weights, np.array([1])), groups)
    return graph.add("Squeeze", sums, np.array([2]))
