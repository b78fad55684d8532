"""Remove transposes that a framework with channels last leaves behind.

Convolutions of ONNX have channels first; what comes behind them need not go back.

1. Two in a row become one; one that moves nothing, or only axes of length 1, becomes a Reshape or goes.
2. A mean over height and width is GlobalAveragePool, and the transpose in front of it goes.
3. A transpose in front of a flattening dense layer goes into the order of the layer's weights.
"""

import numpy as np
import onnx
from onnx import helper

from export.passes.constant_reshape import is_simple, make_reshape
from export.passes.dense import is_dense
from export.passes.network import Network, attributes

TO_CHANNELS_LAST = (0, 2, 3, 1)


def remove_transpose(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return nodes that do without a transpose in place of `node`."""
    if node.op_type == "Transpose":
        return _shorten(network, node)
    if node.op_type == "ReduceMean":
        return _pool(network, node)
    if is_dense(network, node):
        return _reorder_weights(network, node)
    return None


def _shorten(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Rule 1."""
    order = _order(node)
    lengths = network.lengths(node.input[0])
    maker = network.maker(node.input[0])
    if order is None or order[0] != 0 or lengths is None:
        return None
    if maker is not None and (inner := _order(maker)) is not None:
        joined = [inner[axis] for axis in order]
        return [helper.make_node("Transpose", [maker.input[0]], node.output, perm=joined)]
    moved = [axis for axis in order[1:] if lengths[axis - 1] != 1]
    if moved != sorted(moved):
        return None
    return [make_reshape(network, node.input[0], [lengths[axis - 1] for axis in order[1:]], node.output[0])]


def _pool(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Rule 2."""
    lengths = network.lengths(node.input[0])
    axes = _axes(network, node)
    transpose = network.maker(node.input[0])
    source, channels = node.input[0], (2, 3)
    if transpose is not None and _order(transpose) == TO_CHANNELS_LAST:
        source, channels = transpose.input[0], (1, 2)
    if axes != channels or lengths is None or len(lengths) != 3:
        return None
    pooled = network.new_tensor()
    pool = helper.make_node("GlobalAveragePool", [source], [pooled])
    keeps = attributes(node).get("keepdims", 1)
    after = [1 if i in axes else length for i, length in enumerate(lengths, start=1) if keeps or i not in axes]
    return [pool, make_reshape(network, pooled, after, node.output[0])]


def _reorder_weights(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Rule 3."""
    flatten = network.maker(node.input[0])
    if flatten is None or not is_simple(network, flatten) or not network.is_read_once(node.input[0]):
        return None
    transpose = network.maker(flatten.input[0])
    order = _order(transpose)
    if transpose is None or order is None or order[0] != 0:
        return None
    lengths = network.lengths(flatten.input[0])
    weights = network.constant(node.input[1])
    if weights is None or lengths is None:
        return None
    back = np.argsort([axis - 1 for axis in order[1:]])
    # The rows stand in the order of the transposed picture; they are put into that of the picture before it.
    rows = np.arange(len(weights)).reshape(lengths).transpose(back).reshape(-1)
    flat = network.new_tensor()
    return [
        make_reshape(network, transpose.input[0], (len(weights),), flat),
        helper.make_node("Gemm", [flat, network.add_constant(weights[rows]), *node.input[2:]], node.output),
    ]


def _order(node: onnx.NodeProto | None) -> tuple[int, ...] | None:
    if node is None or node.op_type != "Transpose" or "perm" not in attributes(node):
        return None
    return tuple(attributes(node)["perm"])


def _axes(network: Network, node: onnx.NodeProto) -> tuple[int, ...]:
    axes = network.constant(node.input[1]) if len(node.input) > 1 else None
    rank = len(network.shape(node.input[0]))
    if axes is None or not rank:  # of unknown shape
        return ()
    return tuple(sorted(int(axis) % rank for axis in axes.reshape(-1)))
