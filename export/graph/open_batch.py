"""Let a network that was written for one picture at a time take any number.

PyTorch writes the batch of its example into the file, into the input and into every shape that it can work out.

1. The input gets an open batch, and the sides that its pictures will have; shapes that were inferred are dropped.
2. Where what is reshaped comes from the picture, the first number of its new shape, which the batch is a part of,
   becomes open; weights, which have no batch, are reshaped as before. A network whose batch is open keeps its shapes.

That cannot be right for every network (a class token is there once, whatever the batch); `export.sources.onnx_file`
compares, and lets a network of which it is wrong take one picture after the other.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# What these make of a picture are numbers about it, which have no batch.
MEASURING = frozenset({"Shape", "Size"})


def set_input(graph: onnx.GraphProto, given: tuple[int, ...], batch: int | str) -> None:
    """Say that the graph takes `batch` pictures of the shape `given` (rule 1), in place."""
    image = helper.make_tensor_value_info(graph.input[0].name, TensorProto.FLOAT, [batch, *given])
    graph.input[0].CopyFrom(image)
    del graph.value_info[:]


def open_reshapes(model: onnx.ModelProto) -> None:
    """Open the batch in the shapes that a network for one picture reshapes to (rule 2), in place."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in _constants(graph)}
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    of_picture = {graph.input[0].name}
    for index, node in enumerate(graph.node):  # a valid graph has them in the order in which they run
        if of_picture.isdisjoint(node.input) or node.op_type in MEASURING:
            continue
        of_picture.update(node.output)
        if node.op_type != "Reshape" or node.input[0] not in of_picture or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]])
        known = shapes.get(node.output[0], [])
        opened = _opened(np.array(known, np.int64) if len(known) == len(shape) and all(known) else shape)
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
    """Return the shape of a Reshape with the batch open in its first number, None if there is nothing to change."""
    if shape.ndim != 1 or not len(shape) or shape[0] == -1:
        return None
    if -1 not in shape[1:]:
        return np.concatenate([[-1], shape[1:]]).astype(np.int64)
    # 0 takes over what the tensor has there; that is the batch.
    return np.concatenate([[0], shape[1:]]).astype(np.int64) if shape[0] == 1 else None
