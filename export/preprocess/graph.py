"""A graph under construction, and the picture that flows through it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# The newest opset that tf2onnx writes, and the first whose Resize takes axes and antialias.
OPSET = 18
# The IR version that came with opset 18; onnxruntime 1.20 reads up to 10.
IR_VERSION = 8

# Pixels along one side: known, or the name of an int64 tensor [1] that holds them when the graph runs.
Side = int | str
Operand = str | NDArray[Any] | np.generic


def make_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return `graph` as a model of the opset and IR version that artifacts have."""
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="eyespot"
    )


@dataclass(frozen=True)
class Picture:
    """A batch of pictures of one size: the tensor [N, height, width, channels] and what is known about its values.

    `is_float`: float32, else uint8. `is_whole`: integer levels 0 to 255. `is_level`: levels, perhaps with fractions.
    `black_is_zero`: nothing was subtracted yet. With `channels_first` the tensor is [N, channels, height, width].
    """

    tensor: str
    height: Side
    width: Side
    channels: int = 3
    is_float: bool = False
    is_whole: bool = True
    is_level: bool = True
    black_is_zero: bool = True
    channels_first: bool = False


class Graph:
    """Nodes and constants in the order in which they are added; every tensor is named by its place."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._count = 0
        self._constant_count = 0

    def add(self, operator: str, *operands: Operand, **attributes: Any) -> str:
        """Append a node and return the name of its one output; arrays among its inputs become constants."""
        inputs = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        name = f"preprocessing/{self._count}_{operator}"
        self._count += 1
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def branch(self, condition: str, then: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """Append an If and return its output; each branch adds its nodes here and returns the tensor it makes.

        A branch has its own constants. Whatever else it reads from outside, `condition` must be computed from as well:
        tools that split graphs do not look into branches.
        """
        graphs = {}
        for name, fill in (("then_branch", then), ("else_branch", otherwise)):
            outer = self.nodes, self.constants
            self.nodes, self.constants = [], {}
            output = helper.make_empty_tensor_value_info(fill())
            constants = list(self.constants.values())
            graphs[name] = helper.make_graph(self.nodes, f"{self._count}_{name}", [], [output], constants)
            self.nodes, self.constants = outer
        return self.add("If", condition, **graphs)

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        """Return the name of a constant; equal constants are stored once."""
        array = np.asarray(value)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"preprocessing/constant_{self._constant_count}"
            self._constant_count += 1
            self.constants[key] = numpy_helper.from_array(array, name)
        return self.constants[key].name

    def finish(self, output: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Return the nodes and constants that `output` needs, in order."""
        needed, kept = {output}, []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(_read_by(node))
        return kept[::-1], [constant for constant in self.constants.values() if constant.name in needed]

    def side(self, side: Side) -> str:
        """Return the name of an int64 tensor [1] that holds `side`."""
        return side if isinstance(side, str) else self.constant(np.array([side]))

    def sides(self, *sides: Side) -> str:
        """Return the name of an int64 tensor that holds all of `sides`."""
        if all(isinstance(side, int) for side in sides):
            return self.constant(np.array(sides))
        return self.add("Concat", *map(self.side, sides), axis=0)

    def cast(self, tensor: str, to: int) -> str:
        """Return `tensor` as another type, one of `onnx.TensorProto`."""
        return self.add("Cast", tensor, to=to)

    def as_float(self, picture: Picture) -> str:
        """Return the tensor of `picture` as float32."""
        return picture.tensor if picture.is_float else self.cast(picture.tensor, TensorProto.FLOAT)

    def as_bytes(self, picture: Picture) -> str:
        """Return the tensor of `picture`, whose values are integer levels, as uint8."""
        return self.cast(picture.tensor, TensorProto.UINT8) if picture.is_float else picture.tensor


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors that a node reads, including those that only a graph inside it reads."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read_by(inner)
