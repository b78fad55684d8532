"""Cut an artifact in two at `network_input`: a front that prepares one picture, and a network that takes batches.

It exists because pictures differ in size and a batch may not: each is prepared alone, and all of them share
the network. The file was checked as a whole before; nothing is changed here but where it ends and begins: whatever
a node or a constant says is copied as it stands, so a device needs no onnx package for it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError
from edge.onnx_file import GRAPH, METADATA_PROPS
from edge.protobuf import Message, integer, message

# Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: of GraphProto,
NODE, GRAPH_NAME, CONSTANT, SPARSE_CONSTANT, INPUT, OUTPUT, SHAPE_OF_TENSOR = 1, 2, 5, 15, 11, 12, 13
# of NodeProto and AttributeProto,
NODE_INPUT, NODE_OUTPUT, ATTRIBUTE, INNER_GRAPH, INNER_GRAPHS = 1, 2, 5, 6, 11
# of TensorProto and SparseTensorProto,
TENSOR_NAME, SPARSE_VALUES = 8, 1
# and of ValueInfoProto with what is in it: TypeProto, TypeProto.Tensor, TensorShapeProto and its Dimension.
VALUE_NAME, VALUE_TYPE, TENSOR_TYPE, ELEMENT_TYPE, SHAPE, DIMENSION, FREE_DIMENSION = 1, 2, 1, 1, 2, 1, 2
FLOAT = 1


@dataclass(frozen=True)
class CutModel:
    """Two ONNX models as bytes: `image` to `network_input`, and `network_input` to `probabilities`."""

    front: bytes
    network: bytes


@dataclass(frozen=True)
class _Node:
    """One node as it stands, with the names of the tensors that it reads and makes.

    Those that only a branch or a loop inside it reads from outside are among them.
    """

    content: memoryview
    makes: tuple[str, ...]

    @cached_property
    def reads(self) -> frozenset[str]:
        return _names_read(Message(self.content))


def cut(content: bytes, source: str) -> CutModel:
    """Return both halves of the artifact; `source` names it in messages.

    Raises ModelError if it has no tensor `network_input` of float32, or if the network also looks past it, at `image`.
    """
    try:
        return _cut(Message(memoryview(content)), source)
    except ValueError as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{source}: it cannot be cut ({error})") from None


def _cut(model: Message, source: str) -> CutModel:
    graph = Message(model.only(GRAPH))
    nodes = [_Node(node, tuple(Message(node).texts(NODE_OUTPUT))) for node in graph.all(NODE)]
    front = _needed_nodes(nodes, SEAM_NAME, INPUT_NAME)
    network = _needed_nodes(nodes, OUTPUT_NAME, SEAM_NAME)
    if not front:
        raise ModelError(f"{source}: nothing in it makes the tensor {SEAM_NAME!r}; export it again")
    if any(INPUT_NAME in node.reads for node in network):
        raise ModelError(f"{source}: its network reads {INPUT_NAME!r} beside {SEAM_NAME!r} and cannot be cut")
    seam = _seam(graph)
    return CutModel(
        _half(model, graph, front, _named(graph, INPUT, INPUT_NAME), seam),
        _half(model, graph, network, seam, _named(graph, OUTPUT, OUTPUT_NAME)),
    )


def _needed_nodes(nodes: list[_Node], target: str, given: str) -> list[_Node]:
    """Return the nodes, in the order of the file, that make `target` from the tensor `given` and from constants."""
    producers = {name: index for index, node in enumerate(nodes) for name in node.makes if name}
    needed: set[int] = set()
    open_names = [target]
    while open_names:
        index = producers.get(name := open_names.pop())
        if index is not None and index not in needed and name != given:
            needed.add(index)
            open_names += nodes[index].reads
    return [nodes[index] for index in sorted(needed)]


def _names_read(node: Message) -> frozenset[str]:
    names = set(node.texts(NODE_INPUT))
    for attribute in map(Message, node.all(ATTRIBUTE)):
        for graph in (*attribute.all(INNER_GRAPH), *attribute.all(INNER_GRAPHS)):
            names |= _names_from_outside(Message(graph))
    return frozenset(names - {""})


def _names_from_outside(graph: Message) -> set[str]:
    own = {_name_of(value, VALUE_NAME) for value in graph.all(INPUT)}
    own |= {name for name, _, _ in _constants(graph)}
    read = {_name_of(value, VALUE_NAME) for value in graph.all(OUTPUT)}
    for node in map(Message, graph.all(NODE)):
        own |= set(node.texts(NODE_OUTPUT))
        read |= _names_read(node)
    return read - own


def _name_of(content: memoryview, field: int) -> str:
    return next(iter(Message(content).texts(field)), "")


def _constants(graph: Message) -> Iterator[tuple[str, int, memoryview]]:
    """Yield every constant, dense or sparse, with its name and the number of the field that it stands in."""
    for tensor in graph.all(CONSTANT):
        yield _name_of(tensor, TENSOR_NAME), CONSTANT, tensor
    for tensor in graph.all(SPARSE_CONSTANT):
        yield _name_of(Message(tensor).only(SPARSE_VALUES), TENSOR_NAME), SPARSE_CONSTANT, tensor


def _named(graph: Message, field: int, name: str) -> memoryview:
    """Return the input or output of that name. Raises ValueError if there is none."""
    for value in graph.all(field):
        if _name_of(value, VALUE_NAME) == name:
            return value
    raise ValueError(f"no {name!r} among what it takes or gives")


def _seam(graph: Message) -> memoryview:
    """Return `network_input` with a free first dimension, and the rest of its shape as far as the file says it."""
    known = next((v for v in graph.all(SHAPE_OF_TENSOR) if _name_of(v, VALUE_NAME) == SEAM_NAME), None)
    shapes = () if known is None else Message(Message(Message(known).only(VALUE_TYPE)).only(TENSOR_TYPE)).all(SHAPE)
    tensor = integer(ELEMENT_TYPE, FLOAT)
    for shape in shapes:
        free = message(DIMENSION, message(FREE_DIMENSION, b"N"))
        rest = (message(DIMENSION, dimension) for dimension in Message(shape).all(DIMENSION)[1:])
        tensor += message(SHAPE, b"".join((free, *rest)))
    kind = message(VALUE_TYPE, message(TENSOR_TYPE, tensor))
    return memoryview(message(VALUE_NAME, SEAM_NAME.encode()) + kind)


def _half(model: Message, graph: Message, nodes: list[_Node], given: memoryview, made: memoryview) -> bytes:
    read: Collection[str] = frozenset().union(*(node.reads for node in nodes))
    parts = [message(NODE, node.content) for node in nodes]
    parts += [message(field, tensor) for name, field, tensor in _constants(graph) if name in read]
    parts += [message(GRAPH_NAME, b"half"), message(INPUT, given), message(OUTPUT, made)]
    around = model.without(GRAPH, METADATA_PROPS)
    return b"".join((*around, message(GRAPH, b"".join(parts))))
