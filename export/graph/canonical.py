"""Refuse networks that an artifact cannot hold, and give the others one canonical form.

tf2onnx names and orders nodes by iterating over sets, so it writes the same network as another file in every process.
An artifact's version is a digest of its content, and the same run must give the same version.
"""

import re
from collections.abc import Collection, Iterator

import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.errors import ModelError
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from export.graph.session import optimise
from export.preprocess.graph import make_model

PREFIX = "network/"
RANDOM = re.compile("Random|Bernoulli|Multinomial")
# Domains of operators that every ONNX runtime has: ONNX itself, and classic machine learning.
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def require_exportable(graph: onnx.GraphProto, layers: Collection[str] = ()) -> None:
    """Raise ModelError, with the operator and its layer, for the first node that an artifact cannot hold.

    Refused are random operators (no two answers are equal), operators that ONNX does not have (converters pass them on
    by name), control flow (no check here reads its branches) and sparse constants (hardly any runtime reads them).
    `layers` are the names of the network's layers, which the names of converted nodes contain.
    """
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise ModelError(f"the constant {name!r} is stored sparsely, which cannot be exported; store it densely")
    for node in graph.node:
        where = f"the layer {layer!r}" if (layer := layer_of(node.name, layers)) else f"the node {node.name!r}"
        if RANDOM.search(node.op_type) or _drops(graph, node):
            raise ModelError(
                f"{where} is random when it classifies ({node.op_type}), so no two answers are equal; if it is an "
                "augmentation that was left switched on, export the .keras file or a network without it"
            )
        if node.domain not in DOMAINS or not onnx.defs.has(node.op_type, node.domain):
            domain = f" of {node.domain}" if node.domain else ""
            raise ModelError(f"{where} uses the operator {node.op_type}{domain}, which is not a part of ONNX")
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
            raise ModelError(f"{where} has control flow ({node.op_type}), which cannot be exported")


def _drops(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Whether a node is a Dropout that may be in training mode: its third input is there and not a constant false."""
    if node.op_type != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    constants = {tensor.name: tensor for tensor in graph.initializer}
    constants |= {maker.output[0]: maker.attribute[0].t for maker in graph.node if maker.op_type == "Constant"}
    return node.input[2] not in constants or bool(numpy_helper.to_array(constants[node.input[2]]))


def layer_of(node: str, layers: Collection[str]) -> str | None:
    """Return the layer that a node of a converted graph belongs to: the last part of its name that is a layer.

    Keras adds a number to a layer that it traces again: `dense_1` may be `dense`.
    """
    for part in reversed(node.split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return name
    return None


def simplify(network: onnx.ModelProto, classes: int, name: str) -> onnx.ModelProto:
    """Return a network after onnxruntime's BASIC optimisation, in canonical form; `name` begins messages.

    onnxruntime gets the canonical form too, so that it meets the nodes in the same order in every process.
    """
    return canonicalise(optimise(canonicalise(network, classes), name), classes)


def canonicalise(network: onnx.ModelProto, classes: int) -> onnx.ModelProto:
    """Return a network without control flow in canonical form, `network_input` to `probabilities` [N, classes].

    Nodes are in the order in which the output needs them, depth first, without those that it does not need. Equal
    constants become one. Nodes and tensors are named by their place: `network/12_Conv`, `network/constant_3`.
    """
    graph = network.graph
    nodes = list(_needed(graph))
    names = {"": "", graph.input[0].name: NETWORK_INPUT_NAME}
    constants = _unique_constants(graph, nodes, names)
    for index, node in enumerate(nodes):
        node.name = f"{PREFIX}{index}_{node.op_type}"
        names |= {output: node.name + (f"_{i}" if i else "") for i, output in enumerate(node.output) if output}
    names[graph.output[0].name] = OUTPUT_NAME
    for node in nodes:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    first, *shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    batch = first or "N"  # fixed for a network that takes one picture at a time
    given = helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, [batch, *shape])
    made = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [batch, classes])
    used = {node.domain for node in nodes} - {"", "ai.onnx"}
    model = make_model(helper.make_graph(nodes, "network", [given], [made], constants))
    model.opset_import.extend(opset for opset in network.opset_import if opset.domain in used)
    return model


def _needed(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield copies of the nodes that lead to the output, each after the nodes that it reads."""
    makers = {output: node for node in graph.node for output in node.output if output}
    done: set[int] = set()
    waiting = [(graph.output[0].name, False)]
    while waiting:
        name, inputs_done = waiting.pop()
        node = makers.get(name)
        if node is None or id(node) in done:
            continue
        if inputs_done:
            done.add(id(node))
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            yield copy
        else:
            waiting.append((name, True))
            waiting += [(needed, False) for needed in reversed(node.input)]


def _unique_constants(
    graph: onnx.GraphProto, nodes: list[onnx.NodeProto], names: dict[str, str]
) -> list[onnx.TensorProto]:
    """Return the constants that `nodes` read, renamed, equal ones once; add their new names to `names`."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    by_content: dict[bytes, onnx.TensorProto] = {}
    for name in (name for node in nodes for name in node.input if name in tensors):
        copy = onnx.TensorProto()
        copy.CopyFrom(tensors[name])
        copy.name = ""
        kept = by_content.setdefault(copy.SerializeToString(deterministic=True), copy)
        kept.name = kept.name or f"{PREFIX}constant_{len(by_content) - 1}"
        names[name] = kept.name
    return list(by_content.values())
