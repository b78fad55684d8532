"""Sessions: the parts of a split model answer as the whole, in fixed batch sizes, on the provider asked for."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.errors import InstallationError, ModelError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.steps import CentreCrop, Fit, Grey, Method, Pad, Resize, ResizeSide, Scale, Standardise, Step
from export.graph.merge import merge
from export.preprocess import build_preprocessing, make_model
from serving.inference.engine import batching_pays, warm_up
from serving.inference.sessions import (
    ModelSessions,
    choose_provider,
    create_provider_session,
    load_sessions,
    split_model,
    why_not,
)
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import mixing, single

METHODS = [method for method in get_args(Method) if method != "cubic"]  # which is not built any more
# Fit stretches again after its resize, for which levels must be whole.
ROUNDED = [method for method in METHODS if not method.startswith("tf")]
SIDE = 6


def session(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def weighted_sum(channels: int) -> onnx.ModelProto:
    """A network whose every input level counts: [N, 6, 6, c] times a fixed matrix, softmax over 5 classes."""
    levels = SIDE * SIDE * channels
    weights = np.random.default_rng(0).normal(0, 0.1, (levels, 5)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", [NETWORK_INPUT_NAME, "row"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1),
    ]
    constants = {"row": np.array([-1, levels]), "weights": weights}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", SIDE, SIDE, channels])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return make_model(graph)


def pictures() -> list[np.ndarray]:
    chance = np.random.default_rng(1)
    sizes = [(1, 1), (3, 17), (40, 5), (SIDE, SIDE), (64, 48), (31, 100)]
    return [chance.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


CASES: dict[str, tuple[Step, ...]] = {
    **{f"resize {method}": (Resize(SIDE, SIDE, method), Scale(1 / 255)) for method in METHODS},
    **{
        f"side {method}": (ResizeSide("shorter", 9, method), CentreCrop(SIDE, SIDE), Scale(1 / 255))
        for method in METHODS
    },
    **{f"fit {method}": (Grey(), Fit(SIDE, SIDE, method, "replicate", 0), Scale(1 / 255)) for method in ROUNDED},
    "pad": (Resize(4, 4, "area"), Pad(1, 1, 2, 0, "constant", 7), Standardise((1.0, 2.0, 3.0), (9.0, 8.0, 7.0))),
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_the_parts_answer_as_the_whole(steps: tuple[Step, ...]) -> None:
    preprocessing = build_preprocessing(steps)
    channels = preprocessing.graph.output[0].type.tensor_type.shape.dim[3].dim_value
    whole = merge(preprocessing, weighted_sum(channels)).SerializeToString()
    complete, (front, network) = session(whole), map(session, split_model(whole, "case"))
    assert [i.name for i in front.get_inputs()] == [INPUT_NAME]
    assert [i.name for i in network.get_inputs()] == [NETWORK_INPUT_NAME]
    tensors = [front.run(None, {INPUT_NAME: picture[None]})[0] for picture in pictures()]
    expected = [complete.run(None, {INPUT_NAME: picture[None]})[0] for picture in pictures()]
    found = network.run(None, {NETWORK_INPUT_NAME: np.concatenate(tensors)})[0]
    # One matrix product of six rows against six of one row: the order of sums differs, no more.
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e-6)


def test_a_branch_that_reads_tensors_from_outside_is_among_the_cases() -> None:
    """Such tensors are no inputs of the node, which is what a careless split would overlook."""
    graphs = [build_preprocessing(steps).graph for steps in CASES.values()]
    branches = [a.g for graph in graphs for node in graph.node if node.op_type == "If" for a in node.attribute]
    assert branches
    inner = [{name for node in branch.node for name in node.input} for branch in branches]
    own = [{name for node in branch.node for name in node.output} for branch in branches]
    assert any(read - made for read, made in zip(inner, own, strict=True))


def test_each_part_has_its_own_nodes_and_constants_only(tiny_content: bytes) -> None:
    """onnxruntime runs a node that nothing needs."""
    preprocessor, network = (onnx.load_from_string(part).graph for part in split_model(tiny_content, "tiny"))
    assert {tensor.name for tensor in network.initializer} == {"axes", "last", "slope", "offset"}
    assert not {tensor.name for tensor in preprocessor.initializer} & {"slope", "offset"}
    assert {node.op_type for node in network.node} == {"ReduceMean", "Unsqueeze", "Mul", "Add", "Softmax"}
    assert "Softmax" not in {node.op_type for node in preprocessor.node}


def altered(content: bytes, change: str) -> bytes:
    model = onnx.load_from_string(content)
    if change == "no such tensor":
        for node in model.graph.node:
            node.input[:] = [name.replace(NETWORK_INPUT_NAME, "other") for name in node.input]
            node.output[:] = [name.replace(NETWORK_INPUT_NAME, "other") for name in node.output]
    else:
        extra = [
            helper.make_node("Shape", [INPUT_NAME], ["shape"]),
            helper.make_node("Cast", ["shape"], ["sizes"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMax", ["sizes"], ["largest"]),
            helper.make_node("Mul", ["risen", "largest"], ["risen by size"]),
        ]
        for node in model.graph.node:
            node.input[:] = ["risen by size" if name == "risen" else name for name in node.input]
        before = next(i for i, node in enumerate(model.graph.node) if "risen by size" in node.input)
        nodes = [*model.graph.node[:before], *extra, *model.graph.node[before:]]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "said"),
    [("no such tensor", "nothing in it makes the tensor 'network_input'"), ("past", "reads 'image' beside")],
)
def test_what_cannot_be_split_is_refused(tiny_content: bytes, change: str, said: str) -> None:
    with pytest.raises(ModelError, match=rf"m\.onnx: .*{said}"):
        split_model(altered(tiny_content, change), "m.onnx")


LEVELS = (10, 128, 240, 60, 200)


def load(content: bytes, max_batch: int = 16) -> ModelSessions:
    return warm_up(load_sessions(content, "m.onnx", "cpu", 1, max_batch), "m.onnx")


def tensors(sessions: ModelSessions) -> list[np.ndarray]:
    return [sessions.prepare(np.full((5, 6, 3), level, np.uint8)) for level in LEVELS]


@pytest.mark.parametrize(("max_batch", "sizes"), [(1, (1,)), (5, (1, 2, 4)), (16, (1, 2, 4, 8, 16))])
def test_sizes_are_powers_of_two_up_to_the_limit(tiny_content: bytes, max_batch: int, sizes: tuple[int, ...]) -> None:
    assert load(tiny_content, max_batch).sizes == sizes


def test_an_incomplete_batch_is_filled_up(tiny_content: bytes) -> None:
    sessions = load(tiny_content)
    seen: list[int] = []

    class Watched:
        def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> Any:
            seen.append(len(feeds["network_input"]))
            return sessions.network.run(outputs, feeds)

    found = replace(sessions, network=Watched()).predict(tensors(sessions))
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in LEVELS], rtol=0, atol=1e-6)
    assert seen == [8]


@pytest.mark.parametrize(
    ("change", "reason"),
    [(mixing, "an answer depends on the other pictures of its batch"), (single, "Reshape")],
    ids=["a batch is mixed", "one picture only"],
)
def test_a_network_that_cannot_take_a_batch_gets_pictures_one_by_one(
    tiny_content: bytes, change: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = load(change(tiny_content))
    assert sessions.sizes == (1,)
    assert reason in caplog.text
    found = [sessions.predict([tensor])[0] for tensor in tensors(sessions)]
    np.testing.assert_allclose(found, [tiny_probabilities(level) for level in LEVELS], rtol=0, atol=1e-6)


def test_a_network_that_cannot_answer_even_one_picture_is_refused_by_name(tiny_content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^m\.onnx: it cannot be run here \(.*Reshape"):
        load(single(tiny_content, rows=2))


@pytest.mark.parametrize(("delay_s", "pays"), [(0.02, True), (0.0, False)])
def test_batches_are_used_where_a_measurement_says_that_they_pay(
    tiny_content: bytes, delay_s: float, pays: bool
) -> None:
    """A network whose every run takes long gains by a batch; one whose time grows with its pictures does not."""
    sessions = load(tiny_content)

    class Slow:
        def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> Any:
            time.sleep(delay_s or 0.005 * len(feeds["network_input"]))
            return sessions.network.run(outputs, feeds)

    with ThreadPoolExecutor(2) as pool:
        assert batching_pays(replace(sessions, network=Slow()), pool) is pays
        assert not batching_pays(replace(sessions, sizes=(1,)), pool)


WITHOUT_CUDA = pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)


@WITHOUT_CUDA
def test_a_provider_that_does_not_load_is_refused_and_auto_says_why_not() -> None:
    assert choose_provider("cpu") == ("cpu", "")
    provider, reason = choose_provider("auto")
    assert (provider, reason.startswith("cuda: onnxruntime")) == ("cpu", True)
    for wanted in ("cuda", "tensorrt"):
        with pytest.raises(InstallationError, match=rf"'{wanted}' does not load here: .*built for .*gpu"):
            choose_provider(wanted)


def test_a_provider_that_is_built_in_but_whose_library_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    reason = why_not("cuda")
    assert reason is not None
    assert "libonnxruntime_providers_" in reason or "cannot open shared object file" in reason


def test_another_provider_than_the_one_asked_for_is_an_error(
    tiny_content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnTheProcessor:
        """A session as onnxruntime makes it where CUDA is built in and a library of it is missing."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", OnTheProcessor)
    with pytest.raises(InstallationError, match=r"^m: CUDAExecutionProvider was asked for and CPU\w+ came up$"):
        create_provider_session(split_model(tiny_content, "m")[1], "m", "cuda", 1)
