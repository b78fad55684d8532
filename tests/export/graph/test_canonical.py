"""The one form of a network: the same bytes for any order and any names, and the same answers."""

import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.runtime import create_session
from export.graph.canonical import canonicalise
from export.preprocess import make_model

SLOPE = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
OFFSET = np.array([0.25, -0.5, 0.125], np.float32)


def converted(seed: int) -> onnx.ModelProto:
    """Return one network in another disguise for each seed: names, order, repeated constants, dead ends."""
    chance = random.Random(seed)
    name = {key: f"{key}_{chance.randrange(10**6)}" for key in ("x", "flat", "sum", "y", "a", "b", "c", "dead", "end")}
    second = chance.choice(["b", "c"])  # c holds what b holds
    nodes = [
        helper.make_node("Flatten", [name["x"]], [name["flat"]], name="f"),
        helper.make_node("MatMul", [name["flat"], name["a"]], [name["sum"]], name="m"),
        helper.make_node("Add", [name["sum"], name["b"]], [name["y"]], name="p"),
        helper.make_node("Mul", [name["y"], name[second]], [name["end"]], name="q"),
        helper.make_node("Relu", [name["sum"]], [name["dead"]], name="d"),
    ]
    constants = [
        numpy_helper.from_array(value, name[key]) for key, value in (("a", SLOPE), ("b", OFFSET), ("c", OFFSET))
    ]
    chance.shuffle(nodes)
    chance.shuffle(constants)
    ends = [
        helper.make_tensor_value_info(name[key], TensorProto.FLOAT, ["batch", *rest])
        for key, rest in (("x", (2, 2, 1)), ("end", (3,)))
    ]
    return make_model(helper.make_graph(nodes, f"tf2onnx {seed}", ends[:1], ends[1:], constants))


def test_any_disguise_gives_the_same_bytes() -> None:
    forms = {canonicalise(converted(seed), 3).SerializeToString(deterministic=True) for seed in range(20)}
    assert len(forms) == 1


def test_answers_are_those_of_numpy() -> None:
    form = canonicalise(converted(5), 3)
    onnx.checker.check_model(form, full_check=True)
    images = np.random.default_rng(1).random((6, 2, 2, 1), np.float32)
    found = create_session(form.SerializeToString(), "test").run(["probabilities"], {"network_input": images})[0]
    # Sums of four float32 products.
    np.testing.assert_allclose(found, (images.reshape(6, 4) @ SLOPE + OFFSET) * OFFSET, rtol=0, atol=1e-6)


def test_names_say_the_place_and_what_is_not_needed_is_gone() -> None:
    graph = canonicalise(converted(5), 3).graph
    assert [node.name for node in graph.node] == [
        "network/0_Flatten",
        "network/1_MatMul",
        "network/2_Add",
        "network/3_Mul",
    ]
    assert [list(node.input) for node in graph.node] == [
        ["network_input"],
        ["network/0_Flatten", "network/constant_0"],
        ["network/1_MatMul", "network/constant_1"],
        ["network/2_Add", "network/constant_1"],
    ]
    assert [numpy_helper.to_array(constant).tolist() for constant in graph.initializer] == [
        SLOPE.tolist(),
        OFFSET.tolist(),
    ]


def test_another_weight_gives_other_bytes() -> None:
    other = converted(5)
    constant = next(c for c in other.graph.initializer if list(c.dims) == [4, 3])
    constant.CopyFrom(numpy_helper.from_array(np.nextafter(SLOPE, np.float32(2)), constant.name))
    assert canonicalise(other, 3) != canonicalise(converted(5), 3)


def test_constants_of_equal_bytes_but_other_type_stay_apart() -> None:
    zeros = [numpy_helper.from_array(np.zeros(2, kind), name) for name, kind in (("f", np.float32), ("i", np.int32))]
    nodes = [
        helper.make_node("Cast", ["i"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["cast", "f"], ["both"]),
        helper.make_node("Add", ["x", "both"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "y")]
    form = canonicalise(make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], zeros)), 2)
    assert sorted(constant.data_type for constant in form.graph.initializer) == [TensorProto.FLOAT, TensorProto.INT32]


def test_nodes_whose_first_output_is_left_out_stay_apart() -> None:
    """As Y of an LSTM of which only the last state is read: both have the empty name for it."""
    nodes = [
        helper.make_node("LSTM", [source, "w", "r"], ["", end], name=end, hidden_size=1)
        for source, end in (("x", "a"), ("a", "b"))
    ]
    nodes.append(helper.make_node("Squeeze", ["b", "first"], ["y"]))
    generator = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(generator.normal(size=(1, 4, 1)).astype(np.float32), "w"),
        numpy_helper.from_array(generator.normal(size=(1, 4, 1)).astype(np.float32), "r"),
        numpy_helper.from_array(np.array([0]), "first"),
    ]
    ends = [helper.make_tensor_value_info(*end) for end in (("x", 1, [5, "N", 1]), ("y", 1, ["N", 1]))]
    model = make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants))
    x = generator.normal(size=(5, 3, 1)).astype(np.float32)
    expected = create_session(model.SerializeToString(), "before").run(None, {"x": x})[0]
    form = canonicalise(model, 1)
    form.graph.input[0].CopyFrom(helper.make_tensor_value_info("network_input", 1, [5, "N", 1]))
    found = create_session(form.SerializeToString(), "after").run(None, {"network_input": x})[0]
    assert [node.op_type for node in form.graph.node] == ["LSTM", "LSTM", "Squeeze"]
    np.testing.assert_array_equal(found, expected)
