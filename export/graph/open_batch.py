"""Let a network that was written for one picture at a time take any number.

PyTorch writes the batch of its example into the file, into the input and into every shape that it can work out.

1. The input gets an open batch, and the sides that its pictures will have; shapes that were inferred are dropped.
2. Where what is reshaped comes from the picture, the first number of its new shape, which the batch is a part of,
   becomes open; weights, which have no batch, are reshaped as before. A network whose batch is open keeps its shapes.
3. A constant that is put beside what comes from the picture, a class token say, is repeated for every picture.

That cannot be right for every network; `export.sources.onnx_file` compares, and lets one of which it is wrong take one
picture after the other.
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


def open_shapes(model: onnx.ModelProto) -> None:
    """Open the batch wherever a network for one picture says that it is 1 (rules 2 and 3), in place."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in _constants(graph)}
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    shapes |= {name: list(tensor.dims) for name, tensor in constants.items()}
    of_picture = {graph.input[0].name}
    nodes: list[onnx.NodeProto] = []
    for index, node in enumerate(graph.node):  # a valid graph has them in the order in which they run
        if not of_picture.isdisjoint(node.input) and node.op_type not in MEASURING:
            if node.op_type == "Reshape" and node.input[0] in of_picture and node.input[1] in constants:
                shape = numpy_helper.to_array(constants[node.input[1]])
                known = shapes.get(node.output[0], [])
                opened = _opened(np.array(known, np.int64) if len(known) == len(shape) and all(known) else shape)
                if opened is not None:
                    name = f"{node.input[1]}/opened_{index}"  # a shape may be that of weights, too
                    graph.initializer.append(numpy_helper.from_array(opened, name))
                    node.input[1] = name
            elif node.op_type == "Concat":
                nodes += _repeat_constants(graph, node, shapes, of_picture)
            of_picture.update(node.output)
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _repeat_constants(
    graph: onnx.GraphProto, node: onnx.NodeProto, shapes: dict[str, list[int]], of_picture: set[str]
) -> list[onnx.NodeProto]:
    """Let a Concat read what is not of the picture as often as there are pictures; return what does it."""
    added = []
    picture = next(name for name in node.input if name in of_picture)
    for place, name in enumerate(node.input):
        first, *rest = shapes.get(name) or [0]
        if name in of_picture or first != 1 or not all(rest) or node.attribute[0].i == 0:
            continue
        own = f"{node.output[0]}/{place}"
        graph.initializer.append(numpy_helper.from_array(np.array(rest, np.int64), f"{own}/rest"))
        added += [
            helper.make_node("Shape", [picture], [f"{own}/pictures"], start=0, end=1),
            helper.make_node("Concat", [f"{own}/pictures", f"{own}/rest"], [f"{own}/shape"], axis=0),
            helper.make_node("Expand", [name, f"{own}/shape"], [f"{own}/repeated"]),
        ]
        node.input[place] = f"{own}/repeated"
    return added


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
