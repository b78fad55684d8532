"""Steps after steps, and what does not fit."""

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
from export.preprocess import build_preprocessing, network_shape
from tests.export.preprocess.running import noise, run


def test_a_batch_gives_what_its_images_give() -> None:
    images = np.concatenate([noise(33, 21), 255 - noise(33, 21)])
    steps = (ResizeSide("shorter", 30, "area"), CentreCrop(28, 28), Resize(20, 25, "linear"), Grey(), Scale(1 / 255))
    assert np.array_equal(run(steps, images), np.concatenate([run(steps, image[None]) for image in images]))


def test_resize_after_grey_keeps_one_channel() -> None:
    for method in ("antialias", "area", "linear", "nearest", "tf"):
        steps = (Grey(), Resize(6, 9, method))
        assert run(steps, noise(20, 20)).shape == (1, 6, 9, 1)
        assert network_shape(build_preprocessing(steps)) == (6, 9, 1)


def test_channels_first_turns_the_array() -> None:
    steps: tuple[Step, ...] = (Resize(6, 9, "area"), Standardise((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    last = run(steps, noise(20, 30))
    first = run((*steps, ChannelsFirst()), noise(20, 30))
    assert np.array_equal(first, last.transpose(0, 3, 1, 2))
    assert network_shape(build_preprocessing((*steps, ChannelsFirst()))) == (3, 6, 9)


def test_colour_steps_may_come_after_channels_first() -> None:
    colour = (ReverseChannels(), Scale(1 / 127.5), SubtractMean((1.0, 0.5, 0.25)))
    before = run((Resize(6, 9, "area"), *colour, ChannelsFirst()), noise(20, 30))
    assert np.array_equal(run((Resize(6, 9, "area"), ChannelsFirst(), *colour), noise(20, 30)), before)


@pytest.mark.parametrize(
    "steps",
    [(Resize(9, 7, "area"), Scale(1 / 255)), (Grey(), Fit(28, 28, "area", "replicate", 0), Scale(1 / 255))],
    ids=str,
)
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
    assert len(graph.initializer) == 1


@pytest.mark.parametrize("method", ["area", "linear", "nearest", "antialias", "tf"])
def test_the_graph_is_valid_onnx(method: str) -> None:
    model = build_preprocessing((ResizeSide("longer", 40, method), Pad(1, 2, 3, 4, "replicate", 0), CentreCrop(9, 9)))  # type: ignore[arg-type]
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize(
    "steps",
    [
        *((Resize(28, 20, method),) for method in ("area", "linear", "nearest")),
        (Fit(28, 28, "area", "replicate", 0), Grey(), Scale(1 / 255)),
        (ResizeSide("shorter", 30, "area"), CentreCrop(28, 28), ReverseChannels()),
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
    ("steps", "said"),
    [
        ((Resize(8, 8, "cubic"),), "cubic"),
        ((Grey(), Grey()), "three channels"),
        ((Scale(2.0), Grey()), "put it before scaling"),
        ((Scale(2.0), Resize(8, 8, "area")), "put it before scaling"),
        ((Resize(8, 8, "tf"), Resize(4, 4, "linear")), "put it before scaling"),
        ((ChannelsFirst(), Resize(8, 8, "area")), "before channels_first"),
        ((ChannelsFirst(), CentreCrop(8, 8)), "before channels_first"),
        ((ChannelsFirst(), ChannelsFirst()), "stands twice"),
        ((Grey(), SubtractMean((1.0, 2.0, 3.0))), "3 values for 1 channels"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(steps: tuple[Step, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_preprocessing(steps)


@pytest.mark.parametrize("steps", [(Grey(),), (ResizeSide("shorter", 8, "area"),), (Pad(1, 1, 1, 1, "constant", 0),)])
def test_a_size_that_stays_open_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UsageError, match="one fixed size"):
        network_shape(build_preprocessing(steps))
