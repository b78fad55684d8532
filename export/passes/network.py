"""`Network`: a graph that rewrites can ask who makes a tensor, who reads it, what it holds and how large it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

Shape = tuple[int | str | None, ...]

# Constants that may be shapes, axes or paddings; larger ones are weights, whose values no shape depends on.
LARGEST_SHAPE_CONSTANT = 64


class Network:
    """The nodes and constants of a model while it is rewritten.

    A rule gets the network and a node. It returns the nodes to take its place, the last of which makes what the
    node made; none, if what the node makes is what it reads first; or None, to leave it. What is read by nobody
    any more goes by itself.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.output = model.graph.output[0].name
        self.nodes = [_copy(node) for node in model.graph.node]
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._added = 0
        self._index()
        self._shapes: dict[str, Shape] = {}
        self._types: dict[str, int] = {}

    def rewrite(self, rule: "Rule") -> bool:
        """Offer every node to `rule` once, and return whether it changed anything."""
        self._infer_shapes()
        changed = False
        for node in list(self.nodes):
            if node.output[0] not in self._makers or self._makers[node.output[0]] is not node:
                continue  # an earlier rewrite took it away
            if (replacement := rule(self, node)) is not None:
                self._replace(node, replacement)
                changed = True
        return changed

    def maker(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes `tensor`, None for a constant and for the input."""
        return self._makers.get(tensor)

    def is_read_once(self, tensor: str) -> bool:
        """Whether one node, and nobody outside the network, reads `tensor`."""
        return tensor != self.output and self._reads.get(tensor, 0) == 1

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """Return the value of a constant, None for a tensor that is computed."""
        found = self._constants.get(tensor)
        return None if found is None else numpy_helper.to_array(found)

    def is_constant(self, tensor: str) -> bool:
        """Whether `tensor` is a constant."""
        return tensor in self._constants

    def shape(self, tensor: str) -> Shape:
        """Return the lengths of the axes, a name or None where one is not known, and nothing if none is."""
        return self._shapes.get(tensor, ())

    def lengths(self, tensor: str) -> tuple[int, ...] | None:
        """Return the lengths of the axes behind the first, which is the batch; None unless all are known."""
        shape = self.shape(tensor)
        behind = tuple(length for length in shape[1:] if isinstance(length, int))
        return behind if shape and len(behind) == len(shape) - 1 else None

    def type(self, tensor: str) -> int:
        """Return the type of the elements as onnx numbers it, 0 where it is not known."""
        return self._types.get(tensor, 0)

    def add_constant(self, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        self._added += 1
        name = f"pass/constant_{self._added}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def new_tensor(self) -> str:
        """Return a name for a tensor that stands between two nodes of a replacement."""
        self._added += 1
        return f"pass/tensor_{self._added}"

    def to_model(self) -> onnx.ModelProto:
        """Return the rewritten model; nodes stand in no particular order."""
        return self._to_model(list(self._constants.values()), [])

    def _to_model(self, constants: list[TensorProto], open_inputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        graph = self._model.graph
        output = onnx.ValueInfoProto()
        output.CopyFrom(graph.output[0])
        output.name = self.output
        rewritten = helper.make_graph(self.nodes, graph.name, [graph.input[0], *open_inputs], [output], constants)
        return helper.make_model(rewritten, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)

    def _replace(self, node: onnx.NodeProto, replacement: list[onnx.NodeProto]) -> None:
        place = next(i for i, other in enumerate(self.nodes) if other is node)
        self.nodes[place : place + 1] = replacement
        if not replacement:
            self._rename(node.output[0], node.input[0])
        self._index()

    def _rename(self, old: str, new: str) -> None:
        self.output = new if self.output == old else self.output
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]

    def _index(self) -> None:
        """Find makers and readers anew, after dropping the nodes that nobody needs."""
        makers = {output: node for node in self.nodes for output in node.output if output}
        needed: set[int] = set()
        waiting = [self.output]
        while waiting:
            node = makers.get(waiting.pop())
            if node is not None and id(node) not in needed:
                needed.add(id(node))
                waiting += node.input
        self.nodes = [node for node in self.nodes if id(node) in needed]
        self._makers = {output: node for node in self.nodes for output in node.output if output}
        self._reads: dict[str, int] = {}
        for name in (name for node in self.nodes for name in node.input):
            self._reads[name] = self._reads.get(name, 0) + 1

    def _infer_shapes(self) -> None:
        """Infer all shapes. Weights are handed in by their shape alone, so that they are not copied."""
        used = [tensor for name, tensor in self._constants.items() if name in self._reads]
        small = [t for t in used if np.prod(t.dims, dtype=np.int64) <= LARGEST_SHAPE_CONSTANT]
        large = [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            for t in used
            if np.prod(t.dims, dtype=np.int64) > LARGEST_SHAPE_CONSTANT
        ]
        inferred = shape_inference.infer_shapes(self._to_model(small, large), data_prop=True).graph
        values = {value.name: value.type.tensor_type for value in (*inferred.input, *inferred.value_info)}
        values |= {value.name: value.type.tensor_type for value in inferred.output}
        self._types = {name: value.elem_type for name, value in values.items()}
        self._shapes = {
            name: tuple(d.dim_value or d.dim_param or None for d in value.shape.dim) for name, value in values.items()
        }


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy


Rule = Callable[[Network, onnx.NodeProto], list[onnx.NodeProto] | None]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return the attributes of a node as Python values."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
