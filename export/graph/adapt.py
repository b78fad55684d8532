"""Adapt a graph: bring it to the opset of artifacts, and let it take any number of pictures with constant shapes."""

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, inliner, numpy_helper, version_converter

from edge.errors import ModelError
from edge.model import NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import import_onnxruntime
from export.graph.canonical import simplify
from export.preprocess.graph import OPSET

# Has the same inputs since opset 21, but reads them otherwise.
REDEFINED = frozenset({"GroupNormalization"})
# What these make of a picture are numbers about it, which have no batch.
MEASURING = frozenset({"Shape", "Size"})
# Pictures on which a network with its batch opened is compared, and how far answers may be from those one by one.
TRIED, NEAR = 3, 1e-4
LOG_FATAL_ONLY = 4

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def to_our_opset(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return a model in the opset of artifacts; `name` begins messages.

    onnx's converter brings older models up. Down it lacks common operators; there, an operator that takes the same
    inputs and attributes in our opset stays as it is (newer versions mostly allow more types), and the others are
    replaced by what onnx defines them as (Gelu is one). Raises ModelError, with the operator, if that is not possible.
    """
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), OPSET)
    try:
        if version < OPSET:
            return version_converter.convert_version(model, OPSET)
        result = onnx.ModelProto()
        result.CopyFrom(model)
        while unknown := {node.op_type for node in result.graph.node if not _fits(node, version)}:
            typed = onnx.shape_inference.infer_shapes(result)
            typed.graph.value_info.extend(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                for tensor in typed.graph.initializer
            )
            result = inliner.inline_selected_functions(
                typed, [("", op) for op in unknown], inline_schema_functions=True
            )
            if left := unknown & {node.op_type for node in result.graph.node}:
                raise ModelError(
                    f"{name}: its operator {min(left)} is new in opset {version}; save the network with opset {OPSET} "
                    f"(torch.onnx.export(..., opset_version={OPSET}))"
                )
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
        if isinstance(error, ModelError):
            raise
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"{name}: its opset {version} cannot be brought to {OPSET} ({reason:.200})") from None
    for opset in result.opset_import:
        if opset.domain in ("", "ai.onnx"):
            opset.version = OPSET
    return result


def _fits(node: onnx.NodeProto, version: int) -> bool:
    """Whether our opset has a node as it is in opset `version`; default attributes that ours lacks are removed."""
    if node.domain not in ("", "ai.onnx"):
        return True
    new = onnx.defs.get_schema(node.op_type, version)
    if new.since_version <= OPSET:
        return True
    if node.op_type in REDEFINED or not onnx.defs.has(node.op_type, max_inclusive_version=OPSET):
        return False
    ours = onnx.defs.get_schema(node.op_type, OPSET)
    for attribute in [a for a in node.attribute if a.name not in ours.attributes]:
        default = new.attributes[attribute.name].default_value
        if helper.get_attribute_value(attribute) != helper.get_attribute_value(default):
            return False
        node.attribute.remove(attribute)
    return len(node.input) <= ours.max_input


def set_input(graph: onnx.GraphProto, shape: tuple[int, ...], batch: int | str) -> None:
    """Declare, in place, that the graph takes `batch` pictures float32 of `shape`; inferred shapes are dropped."""
    given = helper.make_tensor_value_info(graph.input[0].name, TensorProto.FLOAT, [batch, *shape])
    graph.input[0].CopyFrom(given)
    del graph.value_info[:]


def for_any_number(
    model: onnx.ModelProto, shape: tuple[int, ...], classes: int, answer: Answer, name: str, largest: float = 1
) -> onnx.ModelProto | None:
    """Return a network simplified for one picture of `shape` and then opened for any number, None if that is wrong.

    With one picture every shape is a constant, which onnxruntime folds; `open_batch` opens them again. It cannot be
    right for every graph, so the result is compared with `answer` on random pictures from 0 to `largest`.
    """
    set_input(model.graph, shape, 1)
    opened = open_batch(simplify(model, classes, name))
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL_ONLY  # that it cannot run is no error
    arrays = np.random.default_rng(0).uniform(0, largest, (TRIED, *shape)).astype(np.float32)
    try:
        session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run([OUTPUT_NAME], {NETWORK_INPUT_NAME: arrays})[0]
    except Exception:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        return None
    expected = answer(arrays)
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=NEAR, atol=NEAR):
        return None
    return simplify(opened, classes, name)


def open_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network for one picture at a time, whose shapes are constants, as one for any number.

    PyTorch writes the batch of its example into the input and into every shape. Where what is reshaped comes from the
    picture, the first number of its new shape, which the batch is part of, becomes open. A constant that is joined to
    what comes from the picture, a class token say, is repeated for every picture. Weights stay as they are.
    """
    result = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = result.graph
    values = (*graph.value_info, *graph.output)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}
    constants = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    of_picture, last = {graph.input[0].name}, graph.output[0].name
    nodes: list[onnx.NodeProto] = []
    same: dict[str, str] = {}
    for index, node in enumerate(graph.node):  # they are in the order in which they run
        node.input[:] = [same.get(name, name) for name in node.input]
        if not of_picture.isdisjoint(node.input) and node.op_type not in MEASURING:
            made = shapes.get(node.output[0], [])
            is_known = node.op_type == "Reshape" and node.input[0] in of_picture and made and all(made)
            if is_known and made == shapes.get(node.input[0]) and node.output[0] != last:
                same[node.output[0]] = node.input[0]  # it changes nothing
                continue
            if is_known:
                opened = np.array([-1, *made[1:]], np.int64)
                node.input[1] = f"{node.input[1]}/opened_{index}"  # a shape may be that of weights, too
                graph.initializer.append(numpy_helper.from_array(opened, node.input[1]))
            elif node.op_type == "Concat" and node.attribute[0].i != 0:
                picture = next(name for name in node.input if name in of_picture)
                for place, name in enumerate(node.input):
                    if constants.get(name, [0])[0] == 1:
                        nodes += _repeat(graph, picture, name, f"{node.output[0]}/{place}")
                        node.input[place] = nodes[-1].output[0]
            of_picture.update(node.output)
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim[1:]]
    set_input(graph, tuple(shape), "N")
    return result


def _repeat(graph: onnx.GraphProto, picture: str, constant: str, name: str) -> list[onnx.NodeProto]:
    """Return nodes that repeat a constant [1, ...] as often as there are pictures."""
    rest = next(tensor.dims[1:] for tensor in graph.initializer if tensor.name == constant)
    graph.initializer.append(numpy_helper.from_array(np.array(rest, np.int64), f"{name}/rest"))
    return [
        helper.make_node("Shape", [picture], [f"{name}/pictures"], start=0, end=1),
        helper.make_node("Concat", [f"{name}/pictures", f"{name}/rest"], [f"{name}/shape"], axis=0),
        helper.make_node("Expand", [constant, f"{name}/shape"], [f"{name}/repeated"]),
    ]
