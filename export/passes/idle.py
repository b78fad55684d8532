"""Remove nodes that hand on what they get.

1. Identity, and Dropout, which does nothing outside of training.
2. A Cast to the type that the tensor has.

A node that makes the output of the network straight from its input stays: something must.
"""

import onnx

from export.passes.network import Network, attributes


def remove_idle(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return no node in place of one that does nothing."""
    if node.output[0] == network.output and network.maker(node.input[0]) is None:
        return None
    if node.op_type == "Identity" or (node.op_type == "Dropout" and len(node.input) < 3):  # rule 1
        return []
    if node.op_type == "Cast" and attributes(node)["to"] == network.type(node.input[0]):  # rule 2
        return []
    return None
