"""Compile steps to a graph, from `image` to `network_input`, whole or in two parts.

Geometry (resize, crop, border, grey) takes and gives bytes, which training caches. Values (scale, mean, order of the
channels) come after it and give float32. One after the other, they are the whole graph bit for bit.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge.errors import UsageError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.steps import (
    Border,
    CentreCrop,
    ChannelsFirst,
    Fit,
    Grey,
    Pad,
    Resize,
    ResizeSide,
    ReverseChannels,
    Scale,
    Standardise,
    Step,
    SubtractMean,
)
from export.preprocess.graph import Graph, Picture, Side, make_model
from export.preprocess.resize import resize

IMAGE_CHANNELS = 3
# Between geometry and values: uint8 [N, h, w, c].
PIXELS_NAME = "pixels"

# Steps that take and give bytes. ReverseChannels is one of the values, but may come between these.
GEOMETRY = (Resize, ResizeSide, CentreCrop, Pad, Fit, Grey)
FRACTIONAL = ("tf", "tf-antialias")

# ITU-R BT.601 luma for R, G and B in 15 fractional bits, as in OpenCV's cvtColor. All sums stay below
# 2^24, so float32 computes them exactly.
LUMA_15_BIT = np.array([[9798.0], [19235.0], [3735.0]], np.float32)
HALF_15_BIT, ONE_15_BIT = np.float32(16384), np.float32(32768)

NONE, ONE, TWO = np.array([0]), np.array([1]), np.array([2])
ROWS_AND_COLUMNS = np.array([1, 2])


def build_preprocessing(steps: Iterable[Step]) -> onnx.ModelProto:
    """Return the graph of `steps`: `image` uint8 RGB [N, H, W, 3] to `network_input` float32 [N, h, w, c].

    With the step ChannelsFirst it ends in [N, c, h, w]. Raises UsageError for steps that do not fit each other.
    """
    graph, picture = _compile_image(steps)
    return _finish(graph, picture, INPUT_NAME, ["N", "H", "W", IMAGE_CHANNELS], NETWORK_INPUT_NAME)


def split_steps(steps: Iterable[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return `steps` in two: geometry, for `build_geometry`, and values, for `build_values`.

    Geometry ends in the last step that changes the size or makes integer levels, provided that all up to there are
    integer levels. A resize by `tf` or `tf-antialias`, which keeps fractions, and all behind it belong to the values.
    """
    steps = tuple(steps)
    end = 0
    for index, step in enumerate(steps, 1):
        is_fractional = isinstance(step, Resize | ResizeSide) and step.method in FRACTIONAL
        if is_fractional or not isinstance(step, (*GEOMETRY, ReverseChannels)):
            break
        if isinstance(step, GEOMETRY):
            end = index
    return steps[:end], steps[end:]


def build_geometry(steps: Iterable[Step]) -> onnx.ModelProto:
    """Return the graph of the geometry of `split_steps`: `image` uint8 RGB [N, H, W, 3] to `pixels` uint8 [N, h, w, c].

    Raises UsageError for steps that do not fit each other, or do not end in integer levels.
    """
    graph, picture = _compile_image(steps)
    if not picture.is_whole or picture.channels_first:
        raise UsageError("geometry ends in integer levels, channels last; give the first part of split_steps")
    return _finish(graph, picture, INPUT_NAME, ["N", "H", "W", IMAGE_CHANNELS], PIXELS_NAME)


def build_values(steps: Iterable[Step], height: int, width: int, channels: int) -> onnx.ModelProto:
    """Return the graph of the values of `split_steps`: `pixels` uint8 [N, height, width, channels] to `network_input`.

    `network_input` is float32 [N, h, w, c], or [N, c, h, w] with ChannelsFirst. Raises UsageError for steps that do
    not fit each other.
    """
    graph = Graph()
    picture = Picture(PIXELS_NAME, height, width, channels)
    for step in steps:
        picture = _apply(graph, picture, step)
    return _finish(graph, picture, PIXELS_NAME, ["N", height, width, channels], NETWORK_INPUT_NAME)


def network_shape(preprocessing: onnx.ModelProto) -> tuple[int, int, int]:
    """Return the shape of one picture that a graph of `build_...` gives: (height, width, channels).

    After ChannelsFirst it is (channels, height, width). Raises UsageError if the steps leave the size open.
    """
    dimensions = preprocessing.graph.output[0].type.tensor_type.shape.dim
    first, second, third = (dimension.dim_value for dimension in dimensions[1:])
    if not first or not second or not third:
        raise UsageError("preprocessing must end in one fixed size; add a resize step")
    return first, second, third


def _compile_image(steps: Iterable[Step]) -> tuple[Graph, Picture]:
    """Return the graph that applies `steps` to `image`, whose size is open, and the picture that comes out."""
    graph = Graph()
    height, width = (graph.add("Shape", INPUT_NAME, start=axis, end=axis + 1) for axis in (1, 2))
    picture = Picture(INPUT_NAME, height, width, IMAGE_CHANNELS)
    for step in steps:
        picture = _apply(graph, picture, step)
    return graph, picture


def _apply(graph: Graph, picture: Picture, step: Step) -> Picture:
    """Append the nodes of one step and return what becomes of `picture`."""
    match step:
        case Resize():
            return resize(graph, picture, step.height, step.width, step.method)
        case ResizeSide():
            return _resize_side(graph, picture, step)
        case CentreCrop():
            return _centre_crop(graph, picture, step)
        case Pad():
            return _pad(graph, picture, step)
        case Fit():
            return _fit(graph, picture, step)
        case Grey():
            return _grey(graph, picture)
        case ReverseChannels():
            order = np.arange(picture.channels)[::-1].copy()
            axis = 1 if picture.channels_first else 3
            return replace(picture, tensor=graph.add("Gather", picture.tensor, order, axis=axis))
        case Scale():
            tensor = graph.add("Mul", graph.as_float(picture), np.float32(step.factor))
            return replace(picture, tensor=tensor, is_float=True, is_whole=False, is_level=False)
        case SubtractMean():
            return _channelwise(graph, picture, "Sub", step.mean)
        case Standardise():
            return _channelwise(graph, _channelwise(graph, picture, "Sub", step.mean), "Div", step.std)
        case ChannelsFirst():
            if picture.channels_first:
                raise UsageError("there are two steps channels_first; remove one of them")
            tensor = graph.add("Transpose", picture.tensor, perm=[0, 3, 1, 2])
            return replace(picture, tensor=tensor, channels_first=True)


def _resize_side(graph: Graph, picture: Picture, step: ResizeSide) -> Picture:
    """Return the picture with its shorter or longer side of the given length."""
    sides = graph.side(picture.height), graph.side(picture.width)
    measured = graph.add("Min" if step.side == "shorter" else "Max", *sides)
    length = np.array([step.length])
    scaled = [graph.add("Div", graph.add("Mul", side, length), measured) for side in sides]
    height, width = (graph.add("Max", side, ONE) for side in scaled)
    return resize(graph, picture, height, width, step.method)


def _centre_crop(graph: Graph, picture: Picture, step: CentreCrop) -> Picture:
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


def _pad(graph: Graph, picture: Picture, step: Pad) -> Picture:
    """Return the picture with a border of fixed widths."""
    _require_levels(picture, step.border, step.value)
    padded = _bordered(
        graph, picture, graph.sides(step.top, step.left, step.bottom, step.right), step.border, step.value
    )

    def sum_of(side: Side, more: int) -> Side:
        return side + more if isinstance(side, int) else graph.add("Add", side, np.array([more]))

    height = sum_of(picture.height, step.top + step.bottom)
    return replace(padded, height=height, width=sum_of(picture.width, step.left + step.right))


def _fit(graph: Graph, picture: Picture, step: Fit) -> Picture:
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


def _grey(graph: Graph, picture: Picture) -> Picture:
    """Return the luma of RGB in integer levels."""
    if picture.channels != len(LUMA_15_BIT) or picture.channels_first or not picture.is_whole:
        raise UsageError("grey needs three channels, last, in integer levels; put it before scaling and channels_first")
    weighted = graph.add("MatMul", graph.as_float(picture), LUMA_15_BIT)
    rounded = graph.add("Div", graph.add("Add", weighted, HALF_15_BIT), ONE_15_BIT)
    return replace(picture, tensor=graph.add("Floor", rounded), channels=1, is_float=True)


def _channelwise(graph: Graph, picture: Picture, operator: str, values: tuple[float, ...]) -> Picture:
    """Return the channels after `operator` (Sub, Div) with one value each."""
    if len(values) != picture.channels:
        raise UsageError(f"there are {len(values)} values for {picture.channels} channels; give one for each")
    operand = np.array(values, np.float32).reshape((-1, 1, 1) if picture.channels_first else (-1,))
    if isinstance(picture.width, int) and not picture.channels_first:
        operand = np.tile(operand, (picture.width, 1))  # one row: onnxruntime takes 6 times as long to repeat 3 values
    tensor = graph.add(operator, graph.as_float(picture), operand)
    return replace(picture, tensor=tensor, is_float=True, is_whole=False, is_level=False, black_is_zero=False)


def _finish(graph: Graph, picture: Picture, source: str, source_shape: list[int | str], target: str) -> onnx.ModelProto:
    """Return the model that makes `target` (uint8 for `pixels`, else float32) from the bytes `source`."""
    is_pixels = target == PIXELS_NAME
    made = graph.as_bytes(picture) if is_pixels else graph.as_float(picture)
    graph.nodes.append(helper.make_node("Identity", [made], [target], name=target))
    height = picture.height if isinstance(picture.height, int) else "h"
    width = picture.width if isinstance(picture.width, int) else "w"
    shape = [picture.channels, height, width] if picture.channels_first else [height, width, picture.channels]
    given = helper.make_tensor_value_info(source, TensorProto.UINT8, source_shape)
    kind = TensorProto.UINT8 if is_pixels else TensorProto.FLOAT
    result = helper.make_tensor_value_info(target, kind, ["N", *shape])
    nodes, constants = graph.finish(target)
    return make_model(helper.make_graph(nodes, "preprocessing", [given], [result], constants))
