"""Bring a graph to the opset that artifacts have, from an older or a newer one.

Up, onnx's own converter does it. Down, it knows next to nothing, so each operator is looked at by itself:

1. What has not changed since our opset stays.
2. What has changed, but takes in ours the same inputs and attributes, stays: newer versions mostly allow more types.
3. What onnx describes as a function of other operators (Gelu, say) is written out as those, which are looked at again.

Whether that was right the comparison with the original file finds out.
"""

from typing import Any

import onnx
from onnx import helper, inliner, version_converter

from edge.errors import ModelError
from export.preprocess.graph import OPSET

# What means something else since a later opset, though it looks the same.
REDEFINED = frozenset({"GroupNormalization"})
EXPANDED = "eyespot.expanded"


def to_our_opset(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return a model in the opset of artifacts; `name` stands in messages.

    Raises ModelError, with the operator, if that cannot be.
    """
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), OPSET)
    try:
        if version < OPSET:
            return version_converter.convert_version(model, OPSET)
        result = onnx.ModelProto()
        result.CopyFrom(model)
        while version > OPSET and _expand(result, version, name):
            result = inliner.inline_local_functions(result)
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
        if isinstance(error, ModelError):
            raise
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"{name}: its opset {version} cannot be brought to {OPSET} ({reason:.200})") from None
    for opset in result.opset_import:
        if opset.domain in ("", "ai.onnx"):
            opset.version = OPSET
    return result


def _expand(model: onnx.ModelProto, version: int, name: str) -> bool:
    """Make calls of functions of the nodes that our opset does not have, in place; return whether there were any."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type for value in (*graph.input, *graph.value_info, *graph.output)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    any_expanded = False
    for index, node in enumerate(model.graph.node):
        if node.domain not in ("", "ai.onnx") or _fits(node, version):
            continue
        function = _function(node, version, types)
        if function is None:
            raise ModelError(
                f"{name}: its operator {node.op_type} is new in opset {version}; save the network with opset {OPSET} "
                f"(torch.onnx.export(..., opset_version={OPSET}))"
            )
        function.name, function.domain = f"{node.op_type}_{index}", EXPANDED
        for opset in function.opset_import:  # a function of an older opset is not written out otherwise
            opset.version = version if opset.domain in ("", "ai.onnx") else opset.version
        del node.attribute[:]
        node.op_type, node.domain = function.name, EXPANDED
        model.functions.append(function)
        any_expanded = True
    if any_expanded and all(opset.domain != EXPANDED for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(EXPANDED, 1))
    return any_expanded


def _fits(node: onnx.NodeProto, version: int) -> bool:
    """Whether our opset has an operator as it stands in one of `version`, after defaults it lacks are taken away."""
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


def _function(node: onnx.NodeProto, version: int, types: dict[str, onnx.TypeProto]) -> onnx.FunctionProto | None:
    """Return what onnx says a node is made of, with its attributes filled in; None if it is no function."""
    schema: Any = onnx.defs.get_schema(node.op_type, version)  # its stubs lack the functions
    function = onnx.FunctionProto()
    if schema.has_context_dependent_function:
        given = [types.get(name, onnx.TypeProto()).SerializeToString() for name in node.input]
        function.ParseFromString(schema.get_context_dependent_function(node.SerializeToString(), given))
    elif schema.has_function:
        function.CopyFrom(schema.function_body)
        defaults = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.name}
        values = defaults | {attribute.name: attribute for attribute in node.attribute}
        for inner in function.node:
            for attribute in [a for a in inner.attribute if a.ref_attr_name]:
                name = attribute.name
                value = values.get(attribute.ref_attr_name)
                inner.attribute.remove(attribute)
                if value is not None:
                    inner.attribute.add().CopyFrom(value)
                    inner.attribute[-1].name = name
        del function.attribute[:]
        del function.attribute_proto[:]
    else:
        return None
    return function
