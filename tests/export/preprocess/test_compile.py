"""Steps after steps: batches, the two parts, other implementations of ONNX, and what does not fit."""

import numpy as np
import onnx
import onnx.utils
import pytest
from onnx.reference import ReferenceEvaluator

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
from export.preprocess import build_geometry, build_preprocessing, build_values, network_shape, split_steps
from export.preprocess.presets import BY_CHANNELS, preset_steps
from tests.export.preprocess.running import noise, run

NORMAL = Standardise((0.5, 0.4, 0.3), (0.2, 0.2, 0.3))
GREYISH = Pad(1, 1, 1, 1, "constant", 128)
PRESETS = [
    preset_steps(name, 24, 20, channels, channels_first)
    for channels, presets in BY_CHANNELS.items()
    for name in presets
    for channels_first in (False, True)
]
OTHERS: list[tuple[Step, ...]] = [
    (Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255)),
    (ResizeSide("shorter", 256, "area"), CentreCrop(224, 224), SubtractMean((127.0,) * 3), Scale(1 / 128)),
    (ReverseChannels(), Resize(9, 8, "linear"), ReverseChannels(), NORMAL, ChannelsFirst()),
    (Resize(24, 24, "nearest"), Scale(1 / 255), CentreCrop(20, 30)),
    (Resize(9, 8, "area"), Resize(6, 6, "tf-antialias"), NORMAL),
    (Resize(9, 8, "antialias"), Pad(1, 0, 2, 3, "constant", 128), ChannelsFirst(), Scale(2.0)),
]


def test_a_batch_gives_what_its_images_give() -> None:
    images = np.concatenate([noise(33, 21), 255 - noise(33, 21)])
    steps = (ResizeSide("shorter", 30, "area"), CentreCrop(28, 28), Resize(20, 25, "linear"), Grey(), Scale(1 / 255))
    assert np.array_equal(run(steps, images), np.concatenate([run(steps, image[None]) for image in images]))


@pytest.mark.parametrize("steps", [*PRESETS, *OTHERS], ids=str)
@pytest.mark.parametrize("size", [(37, 53), (20, 9)], ids=str)
def test_geometry_then_values_gives_the_bits_of_the_whole(steps: tuple[Step, ...], size: tuple[int, int]) -> None:
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
        (OTHERS[1], 2),
        ((ReverseChannels(), Scale(2.0)), 0),
        ((Resize(8, 8, "tf"), CentreCrop(4, 4)), 0),
        ((ReverseChannels(), Grey(), ReverseChannels()), 2),
        ((Resize(8, 8, "area"), Scale(2.0), CentreCrop(4, 4)), 1),
    ],
    ids=str,
)
def test_geometry_ends_where_bytes_do(steps: tuple[Step, ...], length: int) -> None:
    assert split_steps(steps) == (steps[:length], steps[length:])
    if steps[length:]:
        with pytest.raises(UsageError):
            build_geometry((*steps, Scale(0.5)))


def test_channels_first_turns_the_array() -> None:
    colour = (ReverseChannels(), Scale(1 / 127.5), Standardise((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    last = run((Resize(6, 9, "area"), *colour), noise(20, 30))
    for steps in ((*colour, ChannelsFirst()), (ChannelsFirst(), *colour)):
        steps = (Resize(6, 9, "area"), *steps)
        assert np.array_equal(run(steps, noise(20, 30)), last.transpose(0, 3, 1, 2))
        assert network_shape(build_preprocessing(steps)) == (3, 6, 9)


@pytest.mark.parametrize("method", ["antialias", "area", "linear", "nearest", "tf"])
def test_a_resize_after_grey_keeps_one_channel(method: str) -> None:
    model = build_preprocessing((Grey(), Resize(6, 9, method)))  # type: ignore[arg-type]
    onnx.checker.check_model(model, full_check=True)
    assert run((Grey(), Resize(6, 9, method)), noise(20, 20)).shape == (1, 6, 9, 1)  # type: ignore[arg-type]
    assert network_shape(model) == (6, 9, 1)


@pytest.mark.parametrize("steps", [(Resize(9, 7, "area"), Scale(1 / 255)), OTHERS[0]], ids=str)
def test_a_tool_that_cuts_graphs_keeps_what_branches_read(steps: tuple[Step, ...]) -> None:
    model = build_preprocessing(steps)
    model.graph.value_info.append(model.graph.output[0])
    model.graph.node.append(onnx.helper.make_node("Identity", ["network_input"], ["more"]))
    model.graph.output[0].name = "more"
    cut = onnx.utils.Extractor(model).extract_model(["image"], ["network_input"])
    image = noise(31, 45)
    found = create_session(cut.SerializeToString(), "cut").run(None, {"image": image})[0]
    assert np.array_equal(found, run(steps, image))


def test_nodes_that_nothing_needs_are_not_there() -> None:
    graph = build_preprocessing((Resize(8, 8, "antialias"),)).graph
    assert [node.op_type for node in graph.node] == ["Resize", "Cast", "Identity"]


@pytest.mark.parametrize(
    "steps",
    [
        *((Resize(28, 20, method),) for method in ("area", "linear", "nearest")),
        (Fit(28, 28, "area", "replicate", 0), Grey(), Scale(1 / 255)),
        (CentreCrop(60, 20), Pad(1, 2, 3, 4, "replicate", 0)),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(37, 53), (20, 90), (56, 40)], ids=str)
def test_another_implementation_of_onnx_gives_the_same_bits(steps: tuple[Step, ...], size: tuple[int, int]) -> None:
    image = noise(*size)
    (found,) = ReferenceEvaluator(build_preprocessing(steps)).run(None, {"image": image})
    assert np.array_equal(found, run(steps, image))


@pytest.mark.parametrize(
    "steps",
    [
        (Resize(8, 8, "cubic"),),
        (Grey(), Grey()),
        (Scale(2.0), Grey()),
        (Scale(2.0), Resize(8, 8, "area")),
        (Resize(8, 8, "tf"), Resize(4, 4, "linear")),
        (ChannelsFirst(), Resize(8, 8, "area")),
        (ChannelsFirst(), CentreCrop(8, 8)),
        (ChannelsFirst(), ChannelsFirst()),
        (Grey(), SubtractMean((1.0, 2.0, 3.0))),
        # Borders of a level around values that are not levels any more.
        (Scale(1 / 255), GREYISH),
        (SubtractMean((1.0, 2.0, 3.0)), GREYISH),
        (NORMAL, Pad(1, 0, 0, 0, "constant", 0)),
        (Scale(1 / 255), Fit(20, 20, "nearest", "constant", 128)),
        (Resize(20, 20, "area"), NORMAL, CentreCrop(20, 21)),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UsageError):
        build_preprocessing(steps)


@pytest.mark.parametrize(
    "steps",
    [
        (Resize(20, 20, "tf"), GREYISH),
        (Scale(1 / 255), Pad(1, 1, 1, 1, "constant", 0)),
        (Scale(1 / 255), CentreCrop(22, 22)),
        (NORMAL, Pad(1, 1, 1, 1, "replicate", 0)),
    ],
    ids=str,
)
def test_a_border_that_has_the_same_meaning_is_made(steps: tuple[Step, ...]) -> None:
    found = run((Resize(20, 20, "area"), *steps), noise(9, 9))[0]
    assert found.shape == (22, 22, 3)
    if isinstance(border := steps[-1], Pad) and border.border == "constant":
        assert (found[0] == border.value).all()
        assert (found[1:-1, 1:-1] != border.value).any()


@pytest.mark.parametrize("steps", [(Grey(),), (ResizeSide("shorter", 8, "area"),), (Pad(1, 1, 1, 1, "constant", 0),)])
def test_a_size_that_stays_open_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UsageError):
        network_shape(build_preprocessing(steps))


@pytest.mark.parametrize(("name", "channels"), [("caffe", 1), ("torch", 1), ("raw", 4), ("none", 3)])
def test_a_preset_without_numbers_for_the_channels_is_refused(name: str, channels: int) -> None:
    with pytest.raises(UsageError):
        preset_steps(name, 8, 8, channels, channels_first=False)
