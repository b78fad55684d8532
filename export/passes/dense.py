"""Write a dense layer as one Gemm with weights [inputs, units] and offsets [units].

1. MatMul of a tensor [N, inputs] and constant weights [inputs, units] becomes Gemm without offsets; the scale
   or the Add behind it is then folded like any other (see `affine`).
2. A Gemm with transposed weights gets them as they are used.
"""

import onnx
from onnx import helper

from export.passes.network import Network, attributes


def make_dense(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return a plain Gemm in place of a dense layer that is written otherwise."""
    if node.op_type not in ("MatMul", "Gemm") or len(network.shape(node.input[0])) != 2:
        return None
    weights = network.constant(node.input[1])
    if weights is None or weights.ndim != 2:
        return None
    if node.op_type == "MatMul":  # rule 1
        return [helper.make_node("Gemm", node.input, node.output)]
    settings = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | attributes(node)
    if settings != {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}:
        return None
    transposed = network.add_constant(weights.T)  # rule 2
    return [helper.make_node("Gemm", [node.input[0], transposed, *node.input[2:]], node.output)]


def is_dense(network: Network, node: onnx.NodeProto | None) -> bool:
    """Whether a node is a Gemm as this pass writes it."""
    return node is not None and node.op_type == "Gemm" and not node.attribute and network.is_constant(node.input[1])
