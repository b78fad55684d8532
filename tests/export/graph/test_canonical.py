"""Canonical form: the same bytes for any order and any names, the same answers, and what is refused."""

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError
from edge.runtime import create_session
from export.graph.canonical import canonicalise, require_exportable
from export.preprocess import make_model
from export.quiet_tensorflow import start_tensorflow
from export.sources.tensorflow import keras_source

start_tensorflow()
import keras
import tensorflow as tf
from keras import layers

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


class Unknown(layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.math.digamma(x)


class Python(layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x if tf.reduce_sum(x) > 0 else -x

    def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class Noise(layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.random.normal(tf.shape(x))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Unknown, "the layer 'culprit' uses the operator Digamma, which is not a part of ONNX"),
        (Python, r"the layer 'culprit' \(Python\) fails: .*as a Python `bool` is not allowed"),
        (Noise, r"the layer 'culprit' is random when it classifies \(RandomNormalLike\)"),
    ],
)
def test_what_cannot_be_exported_is_named_with_its_layer(layer: type[layers.Layer], message: str) -> None:
    start = keras.Input((4, 4, 3))
    inner = layer(name="culprit")(layers.Flatten()(start))
    original = keras_source(keras.Model(start, layers.Dense(3)(inner)), "test")
    with pytest.raises(ModelError, match=message) as caught:
        original.convert((4, 4, 3), 3)
    assert "\n" not in str(caught.value)


def test_an_operator_of_somebody_else_is_refused() -> None:
    node = helper.make_node("FusedConv", ["x"], ["y"], name="first", domain="com.microsoft")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    with pytest.raises(ModelError, match=r"the node 'first' uses the operator FusedConv of com\.microsoft"):
        require_exportable(graph)
