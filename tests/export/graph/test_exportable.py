"""What a converter lets through, with the layer that it stands in."""

import pytest
from onnx import TensorProto, helper

from edge.errors import ModelError
from export.graph.exportable import layer_of, require_exportable
from export.quiet_tensorflow import start_tensorflow
from export.sources.tensorflow import keras_source

start_tensorflow()
import keras
import tensorflow as tf
from keras import layers


class Unknown(layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.math.digamma(x)


class Branch(layers.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)


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
        (Branch, r"the layer 'culprit' has control flow \(If\)"),
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


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("functional_1/dense_1/MatMul", "dense"),
        ("StatefulPartitionedCall/net/block/conv_2/Conv2D", "conv_2"),
        ("net/conv_2_1/BiasAdd", "conv_2"),
        ("Reshape__12", None),
    ],
)
def test_the_layer_is_the_last_part_that_is_one(node: str, expected: str | None) -> None:
    assert layer_of(node, {"dense", "block", "conv_2"}) == expected
