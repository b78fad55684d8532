"""Cut an artifact in two at `network_input`: a front that prepares one picture, and a network that takes batches.

It exists because pictures differ in size and a batch may not: each is prepared alone, and all of them share
the network. The file was checked as a whole before; nothing is changed here but where it ends and begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError
from onnx import helper

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError


@dataclass(frozen=True)
class CutModel:
    """Two ONNX models as bytes: `image` to `network_input`, and `network_input` to `probabilities`."""

    front: bytes
    network: bytes


def cut(content: bytes, source: str) -> CutModel:
    """Return both halves of the artifact; `source` names it in messages.

    Raises ModelError if it has no tensor `network_input` of float32, or if the network also looks past it, at `image`.
    """
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise ModelError(f"{source}: the onnx package cannot read this model ({error})") from None
    graph = model.graph
    front = _needed_nodes(graph, SEAM_NAME, frozenset({INPUT_NAME}))
    network = _needed_nodes(graph, OUTPUT_NAME, frozenset({SEAM_NAME}))
    if not front:
        raise ModelError(f"{source}: nothing in it makes the tensor {SEAM_NAME!r}; export it again")
    if any(INPUT_NAME in _names_read(node) for node in network):
        raise ModelError(f"{source}: its network reads {INPUT_NAME!r} beside {SEAM_NAME!r} and cannot be served")
    seam = _seam(graph)
    return CutModel(
        _half(model, front, [i for i in graph.input if i.name == INPUT_NAME], seam),
        _half(model, network, [seam], next(o for o in graph.output if o.name == OUTPUT_NAME)),
    )


def _needed_nodes(graph: onnx.GraphProto, target: str, given: frozenset[str]) -> list[onnx.NodeProto]:
    """Return the nodes, in the order of the file, that make `target` from the tensors `given` and from constants."""
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needed: set[int] = set()
    open_names = [target]
    while open_names:
        index = producers.get(name := open_names.pop())
        if index is not None and index not in needed and name not in given:
            needed.add(index)
            open_names += _names_read(graph.node[index])
    return [graph.node[index] for index in sorted(needed)]


def _names_read(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, those included that only a branch or a loop inside it reads."""
    names = set(node.input)
    for attribute in node.attribute:
        inner = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
        for graph in inner:
            names |= _names_from_outside(graph)
    return names - {""}


def _names_from_outside(graph: onnx.GraphProto) -> set[str]:
    own = {value.name for value in (*graph.input, *graph.initializer)}
    read = {output.name for output in graph.output}
    for node in graph.node:
        own |= set(node.output)
        read |= _names_read(node)
    return read - own


def _seam(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """Return `network_input` with a free first dimension, and the rest of its shape as far as the file says it."""
    known = next((value for value in graph.value_info if value.name == SEAM_NAME), None)
    if known is None or not known.type.tensor_type.HasField("shape"):
        return helper.make_tensor_value_info(SEAM_NAME, onnx.TensorProto.FLOAT, None)
    rest = [d.dim_value or d.dim_param or None for d in known.type.tensor_type.shape.dim[1:]]
    return helper.make_tensor_value_info(SEAM_NAME, onnx.TensorProto.FLOAT, ["N", *rest])


def _half(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    output: onnx.ValueInfoProto,
) -> bytes:
    read = set().union(*map(_names_read, nodes))
    constants = [tensor for tensor in model.graph.initializer if tensor.name in read]
    graph = helper.make_graph(nodes, f"to {output.name}", inputs, [output], constants)
    half = helper.make_model(graph, opset_imports=model.opset_import, functions=model.functions)
    half.ir_version = model.ir_version
    content: bytes = half.SerializeToString()
    return content
