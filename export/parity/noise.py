"""How far rounding alone takes a network's answers: the same ONNX graph in float32 and in float64.

Deep networks answer pictures that are nothing to them (squeezed from 1 x 7 pixels, say) with numbers that float32
cannot hold to 1e-5, whoever computes them. The graph in float64 is run by onnx's reference evaluator, slowly, and so
only for the few pictures on which a comparison is past its tolerance.
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

    `array` is one prepared picture, float32 [1, h, w, c]. It is 0 where float64 cannot be computed.
    """
    try:
        evaluator = ReferenceEvaluator(_in_float64(network), new_ops=[Conv])
        results: Any = evaluator.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: array.astype(np.float64)})
    except UNABLE:
        return 0.0
    return float(np.abs(answers(network, array).astype(np.float64) - results[0]).max())


def _in_float64(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network whose float32 tensors are float64."""
    model = onnx.ModelProto()
    model.CopyFrom(network)
    for tensor in model.graph.initializer:
        _widen(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


class Conv(OpRun):
    """A convolution over two axes as one product, for onnx's own takes minutes where there are many groups."""

    op_domain = ""

    def _run(self, x: Any, w: Any, b: Any = None, **attributes: Any) -> tuple[NDArray[np.float64]]:
        def chosen(name: str, default: Any) -> Any:
            found = attributes.get(name)
            return default if found is None else found

        strides, dilations = chosen("strides", [1, 1]), chosen("dilations", [1, 1])
        groups, pads = chosen("group", 1), chosen("pads", [0, 0, 0, 0])
        if x.ndim != 4 or chosen("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise NotImplementedError("only convolutions over two axes with known borders")
        x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
        reach = [(size - 1) * step + 1 for size, step in zip(w.shape[2:], dilations, strict=True)]
        windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
        windows = windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
        n, channels, height, width, kh, kw = windows.shape
        each = channels // groups
        columns = windows.reshape(n, groups, each, height, width, kh, kw).transpose(1, 0, 3, 4, 2, 5, 6)
        columns = columns.reshape(groups, n * height * width, each * kh * kw)
        filters = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)
        made = (columns @ filters).reshape(groups, n, height, width, -1).transpose(1, 0, 4, 2, 3)
        result = made.reshape(n, len(w), height, width)
        return (result if b is None else result + b.reshape(1, -1, 1, 1),)
