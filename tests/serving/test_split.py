"""The cut: both halves answer as the whole file, for every kind of resize, and what cannot be cut is refused."""

from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.steps import CentreCrop, Fit, Grey, Method, Pad, Resize, ResizeSide, Scale, Standardise, Step
from export.graph.merge import merge
from export.preprocess import build_preprocessing, make_model
from serving.split import split_model

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
def test_halves_answer_as_the_whole(steps: tuple[Step, ...]) -> None:
    preprocessing = build_preprocessing(steps)
    channels = preprocessing.graph.output[0].type.tensor_type.shape.dim[3].dim_value
    whole = merge(preprocessing, weighted_sum(channels)).SerializeToString()
    halves = split_model(whole, "case")
    complete, front, network = session(whole), session(halves.preprocessor), session(halves.network)
    assert [i.name for i in front.get_inputs()] == [INPUT_NAME]
    assert [i.name for i in network.get_inputs()] == [NETWORK_INPUT_NAME]
    tensors = [front.run(None, {INPUT_NAME: picture[None]})[0] for picture in pictures()]
    expected = [complete.run(None, {INPUT_NAME: picture[None]})[0] for picture in pictures()]
    found = network.run(None, {NETWORK_INPUT_NAME: np.concatenate(tensors)})[0]
    # One matrix product of six rows against six of one row: the order of sums differs, no more.
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e-6)


def test_a_branch_that_reads_tensors_from_outside_is_among_the_cases() -> None:
    """Such tensors are no inputs of the node, which is what a careless cut would overlook."""
    graphs = [build_preprocessing(steps).graph for steps in CASES.values()]
    branches = [a.g for graph in graphs for node in graph.node if node.op_type == "If" for a in node.attribute]
    assert branches
    inner = [{name for node in branch.node for name in node.input} for branch in branches]
    own = [{name for node in branch.node for name in node.output} for branch in branches]
    assert any(read - made for read, made in zip(inner, own, strict=True))


def test_each_half_holds_its_own_constants_only(tiny_content: bytes) -> None:
    halves = split_model(tiny_content, "tiny")
    front, network = (onnx.load_from_string(half).graph for half in (halves.preprocessor, halves.network))
    assert {tensor.name for tensor in network.initializer} == {"axes", "last", "slope", "offset"}
    assert not {tensor.name for tensor in front.initializer} & {"slope", "offset"}
    assert {node.op_type for node in network.node} == {"ReduceMean", "Unsqueeze", "Mul", "Add", "Softmax"}


def altered(content: bytes, change: str) -> bytes:
    model = onnx.load_from_string(content)
    if change == "no seam":
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
        model.graph.node.extend(extra)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "said"),
    [("no seam", "nothing in it makes the tensor 'network_input'"), ("past", "reads 'image' beside")],
)
def test_what_cannot_be_cut_is_refused(tiny_content: bytes, change: str, said: str) -> None:
    with pytest.raises(ModelError, match=rf"m\.onnx: .*{said}"):
        split_model(altered(tiny_content, change), "m.onnx")
