"""Compile steps to a graph, from `image` to `network_input`, whole or in its two parts.

Geometry (resize, crop, border, grey) takes and gives bytes: training caches what it gives. Values (scale, mean,
order of the channels) come after it and give float32. One after the other, they are the whole graph bit for bit.
"""

from collections.abc import Iterable

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
from export.preprocess import colour, geometry
from export.preprocess.graph import Graph, Picture, make_model
from export.preprocess.resize import resize

IMAGE_CHANNELS = 3
# Between geometry and values: uint8 [N, h, w, c].
PIXELS_NAME = "pixels"

# Whole levels in, whole levels out, as bytes. ReverseChannels is one of the values, but does no harm among these.
GEOMETRY = (Resize, ResizeSide, CentreCrop, Pad, Fit, Grey)
FRACTIONAL = ("tf", "tf-antialias")


def build_preprocessing(steps: Iterable[Step]) -> onnx.ModelProto:
    """Return the graph of `steps`: `image` uint8 RGB [N, H, W, 3] to `network_input` float32 [N, h, w, c].

    With the step ChannelsFirst it ends in [N, c, h, w]. Raises UsageError for steps that do not fit each other.
    """
    graph, picture = _of_any_size(steps)
    return _finish(graph, picture, INPUT_NAME, _image(), NETWORK_INPUT_NAME, as_float=True)


def split_steps(steps: Iterable[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return `steps` in two: geometry, for `build_geometry`, and values, for `build_values`.

    Geometry ends in the last step that changes the size or makes whole levels, as long as everything up to there is
    whole levels; a resize by `tf` or `tf-antialias`, which keeps fractions, and all behind it belong to the values.
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

    Raises UsageError for steps that do not fit each other, or do not end in whole levels.
    """
    graph, picture = _of_any_size(steps)
    if not picture.is_whole or picture.channels_first:
        raise UsageError("geometry ends in whole levels, channels last; give the first part of split_steps")
    return _finish(graph, picture, INPUT_NAME, _image(), PIXELS_NAME, as_float=False)


def build_values(steps: Iterable[Step], height: int, width: int, channels: int) -> onnx.ModelProto:
    """Return the graph of the values of `split_steps`: `pixels` uint8 [N, height, width, channels] to `network_input`.

    `network_input` is float32 [N, h, w, c], or [N, c, h, w] with ChannelsFirst. Raises UsageError for steps that do
    not fit each other.
    """
    graph = Graph()
    picture = Picture(PIXELS_NAME, height, width, channels)
    for step in steps:
        picture = apply_step(graph, picture, step)
    return _finish(graph, picture, PIXELS_NAME, ["N", height, width, channels], NETWORK_INPUT_NAME, as_float=True)


def network_shape(preprocessing: onnx.ModelProto) -> tuple[int, int, int]:
    """Return the shape of one picture as `build_preprocessing` hands it to the network.

    It is height, width and channels, or channels, height and width after ChannelsFirst. Raises UsageError if
    the steps leave the size of the picture open.
    """
    dimensions = preprocessing.graph.output[0].type.tensor_type.shape.dim
    first, second, third = (dimension.dim_value for dimension in dimensions[1:])
    if not first or not second or not third:
        raise UsageError("preprocessing must end in one fixed size; add a resize step")
    return first, second, third


def apply_step(graph: Graph, picture: Picture, step: Step) -> Picture:
    """Append the nodes of one step and return what becomes of `picture`."""
    match step:
        case Resize():
            return resize(graph, picture, step.height, step.width, step.method)
        case ResizeSide():
            return geometry.resize_side(graph, picture, step)
        case CentreCrop():
            return geometry.centre_crop(graph, picture, step)
        case Pad():
            return geometry.pad(graph, picture, step)
        case Fit():
            return geometry.fit(graph, picture, step)
        case Grey():
            return colour.grey(graph, picture)
        case ReverseChannels():
            return colour.reverse_channels(graph, picture)
        case Scale():
            return colour.scale(graph, picture, step)
        case SubtractMean():
            return colour.channelwise(graph, picture, "Sub", step.mean)
        case Standardise():
            return colour.channelwise(graph, colour.channelwise(graph, picture, "Sub", step.mean), "Div", step.std)
        case ChannelsFirst():
            return colour.channels_first(graph, picture)


def _image() -> list[int | str]:
    return ["N", "H", "W", IMAGE_CHANNELS]


def _of_any_size(steps: Iterable[Step]) -> tuple[Graph, Picture]:
    """Return the graph that does `steps` to `image`, whose size is open, and what becomes of it."""
    graph = Graph()
    picture = Picture(INPUT_NAME, *geometry.measure(graph, INPUT_NAME), IMAGE_CHANNELS)
    for step in steps:
        picture = apply_step(graph, picture, step)
    return graph, picture


def _finish(
    graph: Graph, picture: Picture, source: str, source_shape: list[int | str], target: str, as_float: bool
) -> onnx.ModelProto:
    """Return the model that makes `target`, float32 or uint8, from the bytes `source`."""
    made = graph.as_float(picture) if as_float else graph.as_bytes(picture)
    graph.nodes.append(helper.make_node("Identity", [made], [target], name=target))
    kind = TensorProto.FLOAT if as_float else TensorProto.UINT8
    given = helper.make_tensor_value_info(source, TensorProto.UINT8, source_shape)
    result = helper.make_tensor_value_info(target, kind, ["N", *_shape(picture)])
    nodes, constants = graph.finish(target)
    return make_model(helper.make_graph(nodes, "preprocessing", [given], [result], constants))


def _shape(picture: Picture) -> list[int | str]:
    """Return the shape of one picture; a side that only the graph knows stands by its letter."""
    height = picture.height if isinstance(picture.height, int) else "h"
    width = picture.width if isinstance(picture.width, int) else "w"
    return [picture.channels, height, width] if picture.channels_first else [height, width, picture.channels]
