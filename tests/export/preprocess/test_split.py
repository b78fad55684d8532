"""Geometry and values, one after the other, are the whole preprocessing."""

import numpy as np
import pytest

from edge.errors import UsageError
from edge.runtime import create_session
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
from export.preprocess import build_geometry, build_values, split_steps
from export.preprocess.presets import BY_CHANNELS, preset_steps
from tests.export.preprocess.running import noise, run

PRESETS = [
    preset_steps(name, 24, 20, channels, channels_first)
    for channels, presets in BY_CHANNELS.items()
    for name in presets
    for channels_first in (False, True)
]
BOOK: list[tuple[Step, ...]] = [
    (Resize(32, 32, "antialias"), Scale(1 / 255)),
    (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255)),
    (Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255)),
    (ResizeSide("shorter", 256, "area"), CentreCrop(224, 224), SubtractMean((127.0,) * 3), Scale(1 / 128)),
]
NORMAL = Standardise((0.5, 0.4, 0.3), (0.2, 0.2, 0.3))
ODD: list[tuple[Step, ...]] = [
    (ReverseChannels(), Resize(9, 8, "linear"), ReverseChannels(), NORMAL, ChannelsFirst()),
    (Resize(24, 24, "nearest"), Scale(1 / 255), CentreCrop(20, 30)),
    (Resize(9, 8, "area"), Resize(6, 6, "tf-antialias"), NORMAL),
    (Resize(9, 8, "antialias"), Pad(1, 0, 2, 3, "constant", 128), ChannelsFirst(), Scale(2.0)),
]


@pytest.mark.parametrize("steps", [*PRESETS, *BOOK, *ODD], ids=str)
@pytest.mark.parametrize("size", [(37, 53), (20, 9)], ids=str)
def test_one_after_the_other_gives_the_bits_of_the_whole(steps: tuple[Step, ...], size: tuple[int, int]) -> None:
    image = noise(*size)
    geometry, values = split_steps(steps)
    assert (*geometry, *values) == steps
    pixels = create_session(build_geometry(geometry).SerializeToString(), "geometry").run(None, {"image": image})[0]
    graph = build_values(values, *pixels.shape[1:])
    (found,) = create_session(graph.SerializeToString(), "values").run(["network_input"], {"pixels": pixels})
    assert pixels.dtype == np.uint8
    assert np.array_equal(found, run(steps, image))


@pytest.mark.parametrize(
    ("steps", "length"),
    [
        (BOOK[2], 2),
        (BOOK[3], 2),
        ((ReverseChannels(), Scale(2.0)), 0),
        ((Resize(8, 8, "tf"), CentreCrop(4, 4)), 0),
        ((ReverseChannels(), Grey(), ReverseChannels()), 2),
        ((Resize(8, 8, "area"), Scale(2.0), CentreCrop(4, 4)), 1),
    ],
    ids=str,
)
def test_geometry_ends_where_bytes_do(steps: tuple[Step, ...], length: int) -> None:
    assert split_steps(steps) == (steps[:length], steps[length:])


@pytest.mark.parametrize("steps", [(Scale(2.0),), (ChannelsFirst(),), (Resize(8, 8, "tf"),)], ids=str)
def test_geometry_of_other_values_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UsageError):
        build_geometry(steps)
