"""Compile preprocessing steps to an ONNX graph: the only implementation of preprocessing in eyespot.

It exists so that there is nothing to drift from. Training runs this graph to make its arrays, and export
welds the same graph in front of the network. Every step up to the scaling works in whole levels 0 to 255
and rounds by exact arithmetic, so the result does not depend on the processor.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.errors import UsageError
from edge.steps import Grey, Resize, ReverseChannels, Scale, Standardise, Step, SubtractMean

# The newest opset that tf2onnx writes, and the first whose Resize takes axes and antialias.
OPSET = 18
# The IR version that came with opset 18; onnxruntime 1.20 reads up to 10.
IR_VERSION = 8

# ITU-R BT.601 luma for R, G and B in 15 fractional bits, as OpenCV's cvtColor has it. All sums stay below
# 2^24, so float32 computes them exactly.
LUMA_15_BIT = (9798.0, 19235.0, 3735.0)
HALF_15_BIT, ONE_15_BIT = 16384.0, 32768.0


@dataclass
class _Graph:
    """A graph in the making: the tensor that the next step reads, with its type, size and channels."""

    tensor: str = INPUT_NAME
    is_float: bool = False
    height: int | str = "H"
    width: int | str = "W"
    channels: int = 3
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> None:
        """Append a node that reads the current tensor and `inputs`; its output becomes current."""
        output = f"preprocessing/{len(self.nodes)}_{operator}"
        self.nodes.append(helper.make_node(operator, [self.tensor, *inputs], [output], name=output, **attributes))
        self.tensor = output

    def constant(self, value: NDArray[Any] | np.float32) -> str:
        """Append a constant and return its name."""
        name = f"preprocessing/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def cast(self, to_float: bool) -> None:
        """Change the type of the current tensor, where it is not yet what is wanted."""
        if self.is_float != to_float:
            self.add("Cast", to=TensorProto.FLOAT if to_float else TensorProto.UINT8)
            self.is_float = to_float


def build_preprocessing(steps: Iterable[Step]) -> onnx.ModelProto:
    """Return the graph of `steps`: `image` uint8 RGB [N, H, W, 3] to `network_input` float32 [N, h, w, c].

    Raises UsageError for steps that do not fit each other.
    """
    graph = _Graph()
    for step in steps:
        _append(graph, step)
    graph.cast(to_float=True)
    graph.nodes.append(helper.make_node("Identity", [graph.tensor], [SEAM_NAME], name=SEAM_NAME))
    image = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", "H", "W", 3])
    shape = ["N", graph.height, graph.width, graph.channels]
    seam = helper.make_tensor_value_info(SEAM_NAME, TensorProto.FLOAT, shape)
    return make_model(helper.make_graph(graph.nodes, "preprocessing", [image], [seam], graph.constants))


def make_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return `graph` as a model of the opset and IR version that artifacts have."""
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="eyespot"
    )


def network_shape(preprocessing: onnx.ModelProto) -> tuple[int, int, int]:
    """Return height, width and channels of what `build_preprocessing` hands to the network.

    Raises UsageError if the steps leave the size of the picture open.
    """
    dimensions = preprocessing.graph.output[0].type.tensor_type.shape.dim
    height, width, channels = (dimension.dim_value for dimension in dimensions[1:])
    if not height or not width:
        raise UsageError("preprocessing must end in one fixed size; add a resize step")
    return height, width, channels


def _append(graph: _Graph, step: Step) -> None:
    match step:
        case Resize():
            _append_resize(graph, step)
        case Grey():
            _append_grey(graph)
        case Scale():
            graph.cast(to_float=True)
            graph.add("Mul", graph.constant(np.float32(step.factor)))
        case ReverseChannels():
            graph.add("Gather", graph.constant(np.arange(graph.channels)[::-1].copy()), axis=3)
        case SubtractMean():
            _append_channelwise(graph, "Sub", step.mean)
        case Standardise():
            _append_channelwise(graph, "Sub", step.mean)
            _append_channelwise(graph, "Div", step.std)
        case _:
            raise UsageError(f"{step.kind}: this step is not compiled yet")


def _append_channelwise(graph: _Graph, operator: str, values: tuple[float, ...]) -> None:
    if len(values) != graph.channels:
        raise UsageError(f"there are {len(values)} values for {graph.channels} channels")
    graph.cast(to_float=True)
    graph.add(operator, graph.constant(np.array(values, np.float32)))


def _append_resize(graph: _Graph, step: Resize) -> None:
    sizes = graph.constant(np.array([step.height, step.width], np.int64))
    settings = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "axes": [1, 2]}
    if step.method == "antialias":
        # On uint8 onnxruntime resizes in fixed point and rounds to the nearest level, as Pillow does.
        # Without exclude_outside, weights that fall outside the picture would be given to its border.
        graph.cast(to_float=False)
        graph.add("Resize", "", "", sizes, antialias=1, exclude_outside=1, **settings)
    else:
        # On uint8 onnxruntime cuts fractions off; on float32 it keeps them, and Round does what OpenCV does.
        graph.cast(to_float=True)
        graph.add("Resize", "", "", sizes, **settings)
        graph.add("Round")
    graph.height, graph.width = step.height, step.width


def _append_grey(graph: _Graph) -> None:
    if graph.channels != 3:
        raise UsageError(f"grey needs three channels. Received: {graph.channels}")
    graph.cast(to_float=True)
    graph.add("MatMul", graph.constant(np.array(LUMA_15_BIT, np.float32).reshape(3, 1)))
    graph.add("Add", graph.constant(np.float32(HALF_15_BIT)))
    graph.add("Div", graph.constant(np.float32(ONE_15_BIT)))
    graph.add("Floor")
    graph.channels = 1
