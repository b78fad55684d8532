"""Networks of the catalogue after all passes: what is left of them, and that they answer as before."""

from collections import Counter

import numpy as np
import onnx
import pytest

from edge.runtime import create_session
from export.network import keras_original
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras

from training.networks.architecture import Architecture
from training.networks.book import build_minivggnet
from training.networks.catalogue import build_network


def plain_minivggnet() -> keras.Model:
    return build_minivggnet(Architecture(32, 32, 3, 10), normalised=False)


# Activations cannot go, nor the shift between a ReLU and a convolution with a border, then a depthwise Conv. One
# transpose brings the picture to channels first; a grey one needs none. The residual additions of MobileNetV2 are ten.
EXPECTED = {
    "lenet": {"Reshape": 2, "Conv": 2, "Relu": 3, "MaxPool": 2, "Gemm": 2, "Softmax": 1},
    "shallownet": {"Transpose": 1, "Conv": 1, "Relu": 1, "Reshape": 1, "Gemm": 1, "Softmax": 1},
    "minivggnet": {"Transpose": 1, "Conv": 7, "Relu": 5, "MaxPool": 2, "Reshape": 1, "Gemm": 2, "Softmax": 1},
    "minivggnet_plain": {"Transpose": 1, "Conv": 4, "Relu": 5, "MaxPool": 2, "Reshape": 1, "Gemm": 2, "Softmax": 1},
    "mobilenetv2": {
        "Transpose": 1,
        "Conv": 52,
        "Clip": 35,
        "Add": 10,
        "GlobalAveragePool": 1,
        "Reshape": 1,
        "Gemm": 1,
        "Softmax": 1,
    },
    "squeezenet": {
        "Transpose": 1,
        "Conv": 26,
        "Relu": 26,
        "MaxPool": 3,
        "Concat": 8,
        "GlobalAveragePool": 1,
        "Reshape": 1,
        "Softmax": 1,
    },
}
SMALL = {"mobilenetv2": (64, 64, 3), "squeezenet": (64, 64, 3)}
QUICK = {"lenet", "shallownet"}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in EXPECTED if name not in QUICK]


def with_random_statistics(model: keras.Model) -> keras.Model:
    """Give every variable that starts as all 0 or all 1 values of its own, so that no fold is of nothing."""
    chance = np.random.default_rng(3)
    for variable in model.variables:
        value = np.asarray(variable)
        if value.ndim == 1 and np.unique(value).size == 1:
            variable.assign(value + chance.uniform(-0.2, 0.2, value.shape).astype(np.float32))
    return model


@pytest.mark.parametrize("name", [*sorted(QUICK), *SLOW])
def test_nothing_is_left_that_could_go(name: str) -> None:
    keras.utils.set_random_seed(1)
    model = plain_minivggnet() if name == "minivggnet_plain" else build_network(name, SMALL.get(name))
    original = keras_original(with_random_statistics(model), name)
    converted = original.convert(model.input_shape[1:], model.output_shape[-1])
    onnx.checker.check_model(converted, full_check=True)
    assert (converted.ir_version, [(o.domain, o.version) for o in converted.opset_import]) == (8, [("", 18)])
    assert Counter(node.op_type for node in converted.graph.node) == EXPECTED[name]
    images = np.random.default_rng(0).random((2, *model.input_shape[1:]), np.float32)
    found = create_session(converted.SerializeToString(), "test").run(None, {"network_input": images})[0]
    # Float32 sums in another order, through up to 52 convolutions; the limit that export has for parity.
    np.testing.assert_allclose(found, model(images, training=False), rtol=0, atol=1e-5)
