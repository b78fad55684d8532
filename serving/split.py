"""Split an artifact at `network_input`: a preprocessor for one picture of any size, and a network that takes batches.

Pictures differ in size and a batch may not: each is prepared alone, and all of them share the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError

from edge.errors import ModelError
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME


@dataclass(frozen=True)
class SplitModel:
    """Two ONNX models as bytes: `image` to `network_input`, and `network_input` to `probabilities`."""

    preprocessor: bytes
    network: bytes


def split_model(content: bytes, source: str) -> SplitModel:
    """Return both parts of the artifact; `source` names it in messages.

    Raises ModelError if it has no tensor `network_input`, or if the network also reads `image`.
    """
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(f"{source}: this is not an ONNX model ({error})") from None
    graph = model.graph
    preprocessor = _needed_nodes(graph, NETWORK_INPUT_NAME, INPUT_NAME)
    network = _needed_nodes(graph, OUTPUT_NAME, NETWORK_INPUT_NAME)
    if not preprocessor or not network:
        raise ModelError(f"{source}: nothing in it makes the tensor {NETWORK_INPUT_NAME!r}; export it again")
    if any(INPUT_NAME in _names_read(node) for node in network):
        raise ModelError(f"{source}: its network reads {INPUT_NAME!r} beside {NETWORK_INPUT_NAME!r}; export it again")
    between = _network_input(graph)
    given = next(value for value in graph.input if value.name == INPUT_NAME)
    made = next(value for value in graph.output if value.name == OUTPUT_NAME)
    return SplitModel(_part(model, preprocessor, given, between), _part(model, network, between, made))


def _needed_nodes(graph: onnx.GraphProto, target: str, given: str) -> list[onnx.NodeProto]:
    """Return the nodes, in the order of the file, that make `target` from the tensor `given` and from constants."""
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needed: set[int] = set()
    open_names = [target]
    while open_names:
        index = producers.get(name := open_names.pop())
        if index is not None and index not in needed and name != given:
            needed.add(index)
            open_names += _names_read(graph.node[index])
    return [graph.node[index] for index in sorted(needed)]


def _names_read(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, those that only a branch or a loop inside it reads among them."""
    names = set(node.input)
    for graph in _inner_graphs(node):
        own = {value.name for value in (*graph.input, *graph.initializer)}
        read = {value.name for value in graph.output}
        for inner in graph.node:
            own |= set(inner.output)
            read |= _names_read(inner)
        names |= read - own
    return names - {""}


def _inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _network_input(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """Return `network_input` with a free first dimension, and the rest of its shape as far as the file says it."""
    known = next((value for value in graph.value_info if value.name == NETWORK_INPUT_NAME), None)
    value = onnx.helper.make_tensor_value_info(NETWORK_INPUT_NAME, onnx.TensorProto.FLOAT, None)
    if known is not None and known.type.tensor_type.HasField("shape"):
        value.type.tensor_type.shape.CopyFrom(known.type.tensor_type.shape)
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return value


def _part(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], given: onnx.ValueInfoProto, made: onnx.ValueInfoProto
) -> bytes:
    read = set().union(*map(_names_read, nodes))
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.metadata_props[:]
    graph = part.graph
    for field in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer, graph.sparse_initializer):
        del field[:]
    graph.node.extend(nodes)
    graph.input.append(given)
    graph.output.append(made)
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in read)
    graph.sparse_initializer.extend(t for t in model.graph.sparse_initializer if t.values.name in read)
    return bytes(part.SerializeToString())
