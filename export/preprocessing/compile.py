"""Compile steps to a graph, from `image` to `network_input`."""

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
from export.preprocessing import colour, geometry
from export.preprocessing.graph import Graph, Picture, make_model
from export.preprocessing.resize import resize

IMAGE_CHANNELS = 3


def build_preprocessing(steps: Iterable[Step]) -> onnx.ModelProto:
    """Return the graph of `steps`: `image` uint8 RGB [N, H, W, 3] to `network_input` float32 [N, h, w, c].

    With the step ChannelsFirst it ends in [N, c, h, w]. Raises UsageError for steps that do not fit each other.
    """
    graph = Graph()
    picture = Picture(INPUT_NAME, *geometry.measure(graph, INPUT_NAME), IMAGE_CHANNELS)
    for step in steps:
        picture = apply_step(graph, picture, step)
    graph.nodes.append(
        helper.make_node("Identity", [graph.as_float(picture)], [NETWORK_INPUT_NAME], name=NETWORK_INPUT_NAME)
    )
    image = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", "H", "W", IMAGE_CHANNELS])
    seam = helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", *_shape(picture)])
    nodes, constants = graph.finish(NETWORK_INPUT_NAME)
    return make_model(helper.make_graph(nodes, "preprocessing", [image], [seam], constants))


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


def _shape(picture: Picture) -> list[int | str]:
    """Return the shape of one picture; a side that only the graph knows stands by its letter."""
    height = picture.height if isinstance(picture.height, int) else "h"
    width = picture.width if isinstance(picture.width, int) else "w"
    return [picture.channels, height, width] if picture.channels_first else [height, width, picture.channels]
