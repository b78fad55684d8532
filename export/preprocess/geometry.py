"""Sides, crops and borders, of pictures whose size may be known only when the graph runs."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from edge.errors import UsageError
from edge.steps import Border, CentreCrop, Fit, Pad, ResizeSide
from export.preprocess.graph import Graph, Picture, Side
from export.preprocess.resize import resize

NONE, ONE, TWO = np.array([0]), np.array([1]), np.array([2])
ROWS_AND_COLUMNS = np.array([1, 2])


def resize_side(graph: Graph, picture: Picture, step: ResizeSide) -> Picture:
    """Return the picture with its shorter or longer side of the given length."""
    sides = graph.side(picture.height), graph.side(picture.width)
    measured = graph.add("Min" if step.side == "shorter" else "Max", *sides)
    length = np.array([step.length])
    scaled = [graph.add("Div", graph.add("Mul", side, length), measured) for side in sides]
    height, width = (graph.add("Max", side, ONE) for side in scaled)
    return resize(graph, picture, height, width, step.method)


def centre_crop(graph: Graph, picture: Picture, step: CentreCrop) -> Picture:
    """Return the middle of the picture, with black where it is smaller."""
    targets = ((picture.height, step.height), (picture.width, step.width))
    if not all(isinstance(side, int) and side >= target for side, target in targets):
        _require_levels(picture, "constant", 0)
    top, bottom, first_row = _centred(graph, picture.height, step.height)
    left, right, first_column = _centred(graph, picture.width, step.width)
    bordered = _bordered(graph, picture, graph.sides(top, left, bottom, right), "constant", 0)
    starts = graph.sides(first_row, first_column)
    ends = graph.add("Add", starts, np.array([step.height, step.width]))
    middle = graph.add("Slice", bordered.tensor, starts, ends, ROWS_AND_COLUMNS)
    return replace(bordered, tensor=middle, height=step.height, width=step.width)


def pad(graph: Graph, picture: Picture, step: Pad) -> Picture:
    """Return the picture with a border of fixed widths."""
    _require_levels(picture, step.border, step.value)
    padded = _bordered(
        graph, picture, graph.sides(step.top, step.left, step.bottom, step.right), step.border, step.value
    )

    def sum_of(side: Side, more: int) -> Side:
        return side + more if isinstance(side, int) else graph.add("Add", side, np.array([more]))

    height = sum_of(picture.height, step.top + step.bottom)
    return replace(padded, height=height, width=sum_of(picture.width, step.left + step.right))


def fit(graph: Graph, picture: Picture, step: Fit) -> Picture:
    """Return the picture stretched to fit, with a border around it."""
    height, width = graph.side(picture.height), graph.side(picture.width)
    target_height, target_width = np.array([step.height]), np.array([step.width])
    is_wide = graph.add("Greater", graph.add("Mul", width, target_height), graph.add("Mul", height, target_width))
    inner_height = graph.add("Where", is_wide, _in_proportion(graph, height, step.width, width), target_height)
    inner_width = graph.add("Where", is_wide, target_width, _in_proportion(graph, width, step.height, height))
    _require_levels(picture, step.border, step.value)
    inner = resize(graph, picture, inner_height, inner_width, step.method)
    top, outer_height = _even_border(graph, inner_height, target_height)
    left, outer_width = _even_border(graph, inner_width, target_width)
    bordered = _bordered(graph, inner, graph.sides(top, left, top, left), step.border, step.value)
    outer = replace(bordered, height=outer_height, width=outer_width)
    return resize(graph, outer, step.height, step.width, "linear")


def _bordered(graph: Graph, picture: Picture, widths: str, border: Border, value: int) -> Picture:
    """Return the picture with borders `widths`: top, left, bottom and right."""
    if picture.channels_first:
        raise UsageError("crops and borders must come before channels_first; change the order of the steps")
    level = np.float32(value) if picture.is_float else np.uint8(value)
    mode = "constant" if border == "constant" else "edge"
    return replace(picture, tensor=graph.add("Pad", picture.tensor, widths, level, ROWS_AND_COLUMNS, mode=mode))


def _require_levels(picture: Picture, border: Border, value: int) -> None:
    """Raise UsageError for a border of the level `value` around values that are not levels any more."""
    if border == "constant" and not picture.is_level and (value or not picture.black_is_zero):
        raise UsageError(
            f"a border of level {value} must come before scale, subtract_mean and standardise, behind which values are "
            "not levels; change the order of the steps"
        )


def _centred(graph: Graph, side: Side, target: int) -> tuple[str, str, str]:
    """Return the borders before and after that a short `side` lacks, and the first pixel to keep of a long one."""
    missing = graph.add("Max", graph.add("Sub", np.array([target]), graph.side(side)), NONE)
    before = graph.add("Div", missing, TWO)
    spare = graph.add("Max", graph.add("Sub", graph.side(side), np.array([target])), NONE)
    return before, graph.add("Sub", missing, before), graph.add("Div", spare, TWO)


def _even_border(graph: Graph, side: str, target: NDArray[np.int64]) -> tuple[str, str]:
    """Return the border on either side, half of what is missing, rounded down, and the length with both."""
    border = graph.add("Div", graph.add("Sub", target, side), TWO)
    return border, graph.add("Add", side, graph.add("Mul", border, TWO))


def _in_proportion(graph: Graph, side: str, target: int, other: str) -> str:
    """Return int(side * (target / other)) in float64, at least 1, as the book's imutils.resize computes it."""
    ratio = graph.add("Div", np.array([float(target)]), graph.cast(other, TensorProto.DOUBLE))
    scaled = graph.add("Mul", graph.cast(side, TensorProto.DOUBLE), ratio)
    return graph.add("Max", graph.cast(scaled, TensorProto.INT64), ONE)
