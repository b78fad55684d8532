"""Compile steps to a graph, from `image` to `network_input`, whole or in two parts.

Geometry (resize, crop, border, grey) takes and gives bytes, which training caches. Values (scale, mean, order of the
channels) come after it and give float32. One after the other, they are the whole graph bit for bit.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge.errors import UsageError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.steps import (
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
from export.preprocess.geometry import centre_crop, fit, pad, resize_side
from export.preprocess.graph import Graph, Picture, make_model
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
            return resize_side(graph, picture, step)
        case CentreCrop():
            return centre_crop(graph, picture, step)
        case Pad():
            return pad(graph, picture, step)
        case Fit():
            return fit(graph, picture, step)
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
