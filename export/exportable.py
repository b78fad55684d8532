"""Refuse what a converter lets through although no artifact can hold it, and name the layer that it stands in.

1. Randomness, with which no two answers are equal. (Keras's own `model.export` leaves augmentation layers switched on.)
2. An operator that ONNX does not have: the converter passes TensorFlow's on by its own name.
3. Control flow, whose branches no check here looks into.
"""

import re
from collections.abc import Collection

import onnx

from edge.errors import ModelError

RANDOM = re.compile("Random|Bernoulli|Multinomial")
# What every ONNX runtime has: the operators themselves, and those of classic machine learning.
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def require_exportable(graph: onnx.GraphProto, layers: Collection[str] = ()) -> None:
    """Raise ModelError, naming operator and layer, for the first node that an artifact cannot hold.

    `layers` are the names of the network's layers, by which node names tell where they come from.
    """
    for node in graph.node:
        where = f"the layer {layer!r}" if (layer := layer_of(node.name, layers)) else f"the node {node.name!r}"
        if RANDOM.search(node.op_type):  # rule 1
            raise ModelError(
                f"{where} is random when it classifies ({node.op_type}), so no two answers are equal; if it is an "
                "augmentation that was left switched on, export the .keras file or a network without it"
            )
        if node.domain not in DOMAINS or not onnx.defs.has(node.op_type, node.domain):  # rule 2
            domain = f" of {node.domain}" if node.domain else ""
            raise ModelError(f"{where} uses the operator {node.op_type}{domain}, which is not a part of ONNX")
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):  # rule 3
            raise ModelError(f"{where} has control flow ({node.op_type}), which cannot be exported")


def layer_of(node: str, layers: Collection[str]) -> str | None:
    """Return the layer that a node of a converted graph stands in: the last part of its name that is one.

    Keras tells layers traced again apart by a number at the end: `dense_1` may be `dense`.
    """
    for part in reversed(node.split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return name
    return None
