"""How far rounding alone moves a network's answers: the same ONNX graph in float32 and in float64.

Deep networks answer some pictures (squeezed from 1 x 7 pixels, say) with numbers that float32 cannot hold to 1e-5.
The graph in float64 is run by onnx's reference evaluator, which is slow, and so only for the one picture on which a
comparison is furthest past its tolerance.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from export.graph.session import answers

# What the reference evaluator raises for what it cannot compute in float64.
UNABLE = (NotImplementedError, RuntimeError, TypeError, ValueError, KeyError, AttributeError, IndexError)


def rounding_noise(network: onnx.ModelProto, array: NDArray[np.float32]) -> float:
    """Return the largest difference of a probability between `network` in float32 and in float64.

    `array` is one prepared picture, float32 [1, h, w, c]. Returns 0 where float64 cannot be computed.
    """
    try:
        evaluator = ReferenceEvaluator(_in_float64(network), new_ops=[Conv])
        results: Any = evaluator.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: array.astype(np.float64)})
    except UNABLE:
        return 0.0
    return float(np.abs(answers(network, array).astype(np.float64) - results[0]).max())


def _in_float64(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return `network` with float64 in the place of float32."""
    model = onnx.ModelProto()
    model.CopyFrom(network)
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.append(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


class Conv(OpRun):
    """A convolution over two axes as one matrix product a group; onnx's own takes minutes where there are many."""

    op_domain = ""

    def _run(self, x: Any, w: Any, b: Any = None, **given: Any) -> tuple[NDArray[np.float64]]:
        settings: dict[str, Any] = {"strides": [1, 1], "dilations": [1, 1], "group": 1, "pads": [0, 0, 0, 0]}
        settings |= {name: value for name, value in given.items() if value is not None}
        if x.ndim != 4 or settings.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise NotImplementedError("only convolutions over two axes with known borders")
        (down, right), (step_down, step_right) = settings["strides"], settings["dilations"]
        top, left, bottom, end = settings["pads"]
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, end)))
        reach = [(size - 1) * step + 1 for size, step in zip(w.shape[2:], settings["dilations"], strict=True)]
        windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
        windows = windows[:, :, ::down, ::right, ::step_down, ::step_right]
        n, _, height, width, *kernel = windows.shape
        groups = settings["group"]
        columns = windows.reshape(n, groups, -1, height, width, *kernel).transpose(0, 1, 3, 4, 2, 5, 6)
        filters = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)
        products = columns.reshape(n, groups, height * width, -1) @ filters
        result = products.transpose(0, 1, 3, 2).reshape(n, len(w), height, width)
        return (result if b is None else result + b.reshape(1, -1, 1, 1),)
