"""Give every Reshape a constant shape, and remove those that change nothing.

`Flatten` arrives as Shape, Gather, Slice, Concat and Reshape, although all axes but the batch are known.

1. A Reshape whose lengths behind the first axis have the product that they had before leaves the batch where it
   is; it gets the constant shape [0, lengths...], in which 0 copies the batch.
2. The same holds for Flatten, Squeeze and Unsqueeze, so that other passes meet one operator only.
3. Two in a row become one.
4. One that gives the shape it gets is removed.
"""

from collections.abc import Iterable
from math import prod

import numpy as np
import onnx
from onnx import helper

from export.passes.network import Network, attributes

RESHAPING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def simplify_reshape(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return a Reshape of constant shape, or no node at all, in place of a reshaping node."""
    if node.op_type not in RESHAPING:
        return None
    before, after = network.lengths(node.input[0]), network.lengths(node.output[0])
    if before is None or after is None or prod(before) != prod(after):
        return None
    maker = network.maker(node.input[0])
    if maker is not None and is_simple(network, maker) and network.is_read_once(node.input[0]):  # rule 3
        return [make_reshape(network, maker.input[0], after, node.output[0])]
    if before == after:  # rule 4
        return None if node.output[0] == network.output and maker is None else []
    if is_simple(network, node):
        return None
    return [make_reshape(network, node.input[0], after, node.output[0])]  # rules 1 and 2


def make_reshape(network: Network, source: str, lengths: Iterable[int], output: str) -> onnx.NodeProto:
    """Return the Reshape of `source` to `output` [N, *lengths]."""
    shape = network.add_constant(np.array([0, *lengths], np.int64))
    return helper.make_node("Reshape", [source, shape], [output])


def is_simple(network: Network, node: onnx.NodeProto) -> bool:
    """Whether a node is a Reshape as `make_reshape` writes it."""
    if node.op_type != "Reshape" or attributes(node).get("allowzero"):
        return False
    shape = network.constant(node.input[1])
    return shape is not None and shape[0] == 0 and bool((shape[1:] > 0).all())
