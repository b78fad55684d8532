"""Refuse what a converter lets through although no artifact can hold it, and name the layer that it stands in.

1. Randomness, with which no two answers are equal. (Keras's own `model.export` leaves augmentation layers switched on.)
   That is Dropout as well, unless it is a constant that it is not training.
2. An operator that ONNX does not have: the converter passes TensorFlow's on by its own name.
3. Control flow, whose branches no check here looks into.
4. Constants that are stored sparsely, which hardly any runtime reads.
"""

import re
from collections.abc import Collection

import onnx
from onnx import numpy_helper

from edge.errors import ModelError

RANDOM = re.compile("Random|Bernoulli|Multinomial")
# What every ONNX runtime has: the operators themselves, and those of classic machine learning.
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def require_exportable(graph: onnx.GraphProto, layers: Collection[str] = ()) -> None:
    """Raise ModelError, naming operator and layer, for the first thing that an artifact cannot hold.

    `layers` are the names of the network's layers, by which node names tell where they come from.
    """
    if graph.sparse_initializer:  # rule 4
        name = graph.sparse_initializer[0].values.name
        raise ModelError(f"the constant {name!r} is stored sparsely, which cannot be exported; store it densely")
    for node in graph.node:
        where = f"the layer {layer!r}" if (layer := layer_of(node.name, layers)) else f"the node {node.name!r}"
        if RANDOM.search(node.op_type) or _drops(graph, node):  # rule 1
            raise ModelError(
                f"{where} is random when it classifies ({node.op_type}), so no two answers are equal; if it is an "
                "augmentation that was left switched on, export the .keras file or a network without it"
            )
        if node.domain not in DOMAINS or not onnx.defs.has(node.op_type, node.domain):  # rule 2
            domain = f" of {node.domain}" if node.domain else ""
            raise ModelError(f"{where} uses the operator {node.op_type}{domain}, which is not a part of ONNX")
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):  # rule 3
            raise ModelError(f"{where} has control flow ({node.op_type}), which cannot be exported")


def _drops(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Whether a node is a Dropout that may be training."""
    if node.op_type != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    values = [tensor for tensor in graph.initializer if tensor.name == node.input[2]]
    makers = [maker for maker in graph.node if maker.op_type == "Constant" and maker.output[0] == node.input[2]]
    values += [attribute.t for maker in makers for attribute in maker.attribute if attribute.name == "value"]
    return not values or bool(numpy_helper.to_array(values[0]))


def layer_of(node: str, layers: Collection[str]) -> str | None:
    """Return the layer that a node of a converted graph stands in: the last part of its name that is one.

    Keras tells layers traced again apart by a number at the end: `dense_1` may be `dense`.
    """
    for part in reversed(node.split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return name
    return None
