"""Let a plain network that was written for one picture at a time take any number.

It exists because PyTorch writes the batch of its example into the file, into the input and into every shape.

1. The input gets an open batch, and the sides that its pictures will have; shapes that were inferred are dropped.
2. A batch of one stands in the constants of Reshape as well. Where what is reshaped comes from the picture, it becomes
   open; weights, which have no batch, are reshaped as before. A network whose batch is open keeps all its shapes.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# What these make of a picture are numbers about it, which have no batch.
MEASURING = frozenset({"Shape", "Size"})


def open_batch(graph: onnx.GraphProto, given: tuple[int, ...], is_fixed: bool) -> None:
    """Let the graph take any number of pictures of the shape `given`, in place."""
    image = helper.make_tensor_value_info(graph.input[0].name, TensorProto.FLOAT, ["N", *given])
    graph.input[0].CopyFrom(image)
    del graph.value_info[:]
    if is_fixed:
        _open_reshapes(graph)


def _open_reshapes(graph: onnx.GraphProto) -> None:
    """Rule 2."""
    constants = {tensor.name: tensor for tensor in _constants(graph)}
    of_picture = {graph.input[0].name}
    for index, node in enumerate(graph.node):  # a valid graph has them in the order in which they run
        if of_picture.isdisjoint(node.input) or node.op_type in MEASURING:
            continue
        of_picture.update(node.output)
        if node.op_type != "Reshape" or node.input[0] not in of_picture or node.input[1] not in constants:
            continue
        opened = _opened(numpy_helper.to_array(constants[node.input[1]]))
        if opened is not None:
            name = f"{node.input[1]}/opened_{index}"  # a shape may be that of weights, too
            graph.initializer.append(numpy_helper.from_array(opened, name))
            node.input[1] = name


def _constants(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Return initializers and the values of Constant nodes, the latter made initializers, in place."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = next((_value(attribute) for attribute in node.attribute), None)
        if value is not None:
            graph.initializer.add().CopyFrom(value)
            graph.initializer[-1].name = node.output[0]
            graph.node.remove(node)
    return list(graph.initializer)


def _value(attribute: onnx.AttributeProto) -> onnx.TensorProto | None:
    if attribute.name == "value":
        return attribute.t
    return numpy_helper.from_array(np.array(attribute.ints)) if attribute.name == "value_ints" else None


def _opened(shape: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the shape of a Reshape with an open batch where it was 1, None if there is nothing to change."""
    if shape.ndim != 1 or len(shape) < 2 or shape[0] != 1:
        return None
    # 0 takes over what the tensor has there; that is the batch, unless -1 may say so of whatever is left.
    return np.concatenate([[0 if -1 in shape else -1], shape[1:]]).astype(np.int64)
