"""Give a converted network one form, whatever order and names the converter chose this time.

tf2onnx names and orders by the iteration of sets, so the same network comes out as another file in every
process. An artifact's version is a digest of its content; the same run must give the same version.

1. Nodes stand in the order in which the output needs them, depth first; what it does not need is left out.
2. Constants of equal content become one, and stand in the order in which they are used.
3. Every tensor and node is named by its place: `network/12_Conv`, `network/constant_3`.

Before that, a Reshape that changes nothing is dropped: whether tf2onnx does so itself depends on the order of a set.
"""

import math
from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from export.preprocess import make_model

PREFIX = "network/"
# Constants that may be shapes, axes or paddings; larger ones are weights, whose values no shape depends on.
LARGEST_SHAPE = 64


def canonicalise(network: onnx.ModelProto, classes: int) -> onnx.ModelProto:
    """Return the network from `network_input` to `probabilities` [N, classes] in its one form.

    It must be without control flow, whose inner graphs this does not look into (see export/graph/exportable.py).
    """
    graph = network.graph
    nodes = list(_needed(graph))  # rule 1
    names = {"": "", graph.input[0].name: NETWORK_INPUT_NAME}
    constants = _name_constants(graph, nodes, names)  # rule 2
    for index, node in enumerate(nodes):  # rule 3
        node.name = f"{PREFIX}{index}_{node.op_type}"
        names |= {output: node.name + (f"_{i}" if i else "") for i, output in enumerate(node.output) if output}
    names[graph.output[0].name] = OUTPUT_NAME
    for node in nodes:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    first, *shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    batch = first or "N"  # fixed for a network that takes one picture at a time
    seam = helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, [batch, *shape])
    output = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [batch, classes])
    used = {node.domain for node in nodes} - {"", "ai.onnx"}
    model = make_model(helper.make_graph(nodes, "network", [seam], [output], constants))
    model.opset_import.extend(opset for opset in network.opset_import if opset.domain in used)
    return model


def without_idle_reshapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without the Reshapes whose result has the shape of what they read, for any number of pictures."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    shapes = _shapes(graph, result)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    same: dict[str, str] = {}
    for node in list(graph.node):
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type != "Reshape" or node.input[1] not in constants or node.output[0] == graph.output[0].name:
            continue
        target = numpy_helper.to_array(constants[node.input[1]]).tolist()
        before = shapes.get(node.input[0], [])
        # 0 takes over what is there, and -1 is what is left: the batch, where all other sides stay.
        if len(target) == len(before) and target[0] in (-1, 0) and target[1:] == before[1:]:
            same[node.output[0]] = node.input[0]
            graph.node.remove(node)
    return result


def _shapes(graph: onnx.GraphProto, model: onnx.ModelProto) -> dict[str, list[int]]:
    """Return the sides of every tensor, 0 where one is open; weights are handed in by their shape alone."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.graph.node.extend(graph.node)
    light.graph.input.extend(graph.input)
    light.graph.output.extend(graph.output)
    light.graph.name = graph.name
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= LARGEST_SHAPE:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    inferred = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    values = (*graph.input, *inferred.value_info)
    return {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}


def _needed(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield copies of the nodes that lead to the output, each behind those that it reads."""
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


def _name_constants(
    graph: onnx.GraphProto, nodes: list[onnx.NodeProto], names: dict[str, str]
) -> list[onnx.TensorProto]:
    """Add the new name of every constant to `names` and return the constants, renamed, without repetitions."""
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
