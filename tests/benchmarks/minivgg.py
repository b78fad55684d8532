"""MiniVGGNet as an artifact with random weights, made with the onnx package: for measuring, not for answers."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.spec import SPEC_FORMAT, ModelSpec
from edge.steps import Resize, Scale
from export.graph.merge import merge
from export.parity.compare import Comparison, View
from export.preprocess import build_preprocessing, make_model
from export.quantize.int8 import SCHEMES, measure_ranges, quantise, target_of
from export.writer import make_self_test, stamp

SIDE, CLASSES = 32, 10
# Starter Bundle, chapter 15: two blocks of two 3x3 convolutions, 512 units; batch normalisation folded away.
BLOCKS = ((3, 32), (32, 32), (32, 64), (64, 64))
UNITS = 512


STEPS = (Resize(SIDE, SIDE, "area"), Scale(1 / 255))
CALIBRATION_PICTURES = 16


def make_artifact() -> bytes:
    """Return a whole artifact, with a self-test whose answers are onnxruntime's own."""
    return _seal(make_network())


def make_int8() -> bytes:
    """Return the same with weights and activations of 8 bits."""
    network = make_network()
    chance = np.random.default_rng(0)
    arrays = [chance.random((1, SIDE, SIDE, 3), np.float32) for _ in range(CALIBRATION_PICTURES)]
    return _seal(quantise(network, measure_ranges(network, arrays), SCHEMES[target_of("auto")]))


def _seal(network: onnx.ModelProto) -> bytes:
    model = merge(build_preprocessing(STEPS), network)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    view = View("grey", np.full((6, 5, 3), 100, np.uint8))
    answer = session.run([OUTPUT_NAME], {INPUT_NAME: view.pixels[None]})[0][0]
    test = make_self_test([Comparison(view.name, view, answer, 0.0, True)])
    labels = tuple(f"class {i}" for i in range(CLASSES))
    return stamp(model, ModelSpec(SPEC_FORMAT, "minivgg", None, labels, STEPS, None, None, None, None, test))[0]


def make_network() -> onnx.ModelProto:
    """Return the network, float32 [N, 32, 32, 3] to probabilities [N, 10]."""
    chance = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    nodes = [helper.make_node("Transpose", [NETWORK_INPUT_NAME], ["x0"], perm=[0, 3, 1, 2])]
    last = "x0"
    for i, (before, after) in enumerate(BLOCKS):
        weights[f"w{i}"] = chance.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        last = f"r{i}"
        if i % 2:
            nodes.append(helper.make_node("MaxPool", [last], [f"p{i}"], kernel_shape=[2, 2], strides=[2, 2]))
            last = f"p{i}"
    flat = BLOCKS[-1][1] * (SIDE // 4) ** 2
    weights["d0"] = chance.normal(0, (2 / flat) ** 0.5, (flat, UNITS)).astype(np.float32)
    weights["d1"] = chance.normal(0, UNITS**-0.5, (UNITS, CLASSES)).astype(np.float32)
    nodes += [
        helper.make_node("Flatten", [last], ["flat"]),
        helper.make_node("MatMul", ["flat", "d0"], ["h"]),
        helper.make_node("Relu", ["h"], ["hr"]),
        helper.make_node("MatMul", ["hr", "d1"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "minivgg",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return make_model(graph)
