"""What happens to the levels and channels of each pixel by itself."""

from dataclasses import replace

import numpy as np

from edge.errors import UsageError
from edge.steps import Scale
from export.preprocess.graph import Graph, Picture

# ITU-R BT.601 luma for R, G and B in 15 fractional bits, as OpenCV's cvtColor has it. All sums stay below
# 2^24, so float32 computes them exactly.
LUMA_15_BIT = np.array([[9798.0], [19235.0], [3735.0]], np.float32)
HALF_15_BIT, ONE_15_BIT = np.float32(16384), np.float32(32768)


def grey(graph: Graph, picture: Picture) -> Picture:
    """Return the luma of RGB in whole levels."""
    if picture.channels != len(LUMA_15_BIT) or picture.channels_first or not picture.is_whole:
        raise UsageError("grey needs three channels, last, in whole levels; put it before scaling and channels_first")
    weighted = graph.add("MatMul", graph.as_float(picture), LUMA_15_BIT)
    rounded = graph.add("Div", graph.add("Add", weighted, HALF_15_BIT), ONE_15_BIT)
    return replace(picture, tensor=graph.add("Floor", rounded), channels=1, is_float=True)


def reverse_channels(graph: Graph, picture: Picture) -> Picture:
    """Return the channels in the opposite order."""
    order = np.arange(picture.channels)[::-1].copy()
    tensor = graph.add("Gather", picture.tensor, order, axis=1 if picture.channels_first else 3)
    return replace(picture, tensor=tensor)


def scale(graph: Graph, picture: Picture, step: Scale) -> Picture:
    """Return all values multiplied by one number."""
    tensor = graph.add("Mul", graph.as_float(picture), np.float32(step.factor))
    return replace(picture, tensor=tensor, is_float=True, is_whole=False, is_level=False)


def channelwise(graph: Graph, picture: Picture, operator: str, values: tuple[float, ...]) -> Picture:
    """Return the channels after `operator` (Sub, Div) with one value each."""
    if len(values) != picture.channels:
        raise UsageError(f"there are {len(values)} values for {picture.channels} channels; give one for each")
    operand = np.array(values, np.float32).reshape((-1, 1, 1) if picture.channels_first else (-1,))
    tensor = graph.add(operator, graph.as_float(picture), operand)
    return replace(picture, tensor=tensor, is_float=True, is_whole=False, is_level=False, black_is_zero=False)


def channels_first(graph: Graph, picture: Picture) -> Picture:
    """Return [N, c, h, w]."""
    if picture.channels_first:
        raise UsageError("channels_first stands twice; remove one of them")
    return replace(picture, tensor=graph.add("Transpose", picture.tensor, perm=[0, 3, 1, 2]), channels_first=True)
