"""Put graphs together: preprocessing in front of a network, a flattening in front of rows, a loop around one picture.

A network that can only take one picture at a time is put into a Scan, an operator of ONNX that runs a graph over the
pictures of a batch one after the other.
"""

from collections.abc import Callable

import onnx
from onnx import TensorProto, helper

from edge.errors import ModelError, UsageError, reason_of
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from export.graph.session import fixed_batch
from export.preprocess.graph import make_model

# What protobuf can write, less room for nodes, names and the spec.
LARGEST_BYTES = (1 << 31) - (16 << 20)


def merge(preprocessing: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """Return one model, `image` to `probabilities`, in which `network_input` is an inner tensor.

    Both parts name their own tensors apart, so that it is the only name they share. Raises UsageError if what one
    hands over is not what the other takes, ModelError if the whole is too large or not valid.
    """
    given = [d.dim_value for d in preprocessing.graph.output[0].type.tensor_type.shape.dim[1:]]
    taken = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
    if given != taken:
        raise UsageError(f"preprocessing gives {given} (height, width, channels), the network takes {taken}")
    if fixed_batch(network):
        network = one_by_one(network)
    graph = helper.make_graph(
        [*preprocessing.graph.node, *network.graph.node],
        f"{INPUT_NAME} to {OUTPUT_NAME}",
        preprocessing.graph.input,
        network.graph.output,
        [*preprocessing.graph.initializer, *network.graph.initializer],
        value_info=preprocessing.graph.output,
    )
    _require_size(graph)
    model = make_model(graph)
    model.opset_import.extend(opset for opset in network.opset_import if opset.domain not in ("", "ai.onnx"))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the network is no valid ONNX: {reason_of(error):.200}") from None
    return model


def _require_size(graph: onnx.GraphProto) -> None:
    """Raise ModelError for weights that no single file of protobuf holds; writing one would fail much later."""
    size = sum(len(tensor.raw_data) for tensor in graph.initializer)
    if size > LARGEST_BYTES:
        raise ModelError(
            f"the network's weights take {size / 1e9:.1f} GB, and an .onnx file in one piece holds at most "
            f"{LARGEST_BYTES / 1e9:.1f} GB; export a smaller network"
        )


def one_by_one(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network that takes one picture [1, ...] at a time as one that takes any number [N, ...]."""
    shape = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
    classes = network.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    picture, row = "network/picture", "network/row"
    inner = _renamed(network, {NETWORK_INPUT_NAME: "network/alone", OUTPUT_NAME: "network/answer"})
    nodes = [
        helper.make_node("Unsqueeze", [picture, "network/first"], ["network/alone"], name="network/alone"),
        *inner.graph.node,
        helper.make_node("Squeeze", ["network/answer", "network/first"], [row], name="network/row"),
    ]
    body = helper.make_graph(
        nodes,
        "one_picture",
        [helper.make_tensor_value_info(picture, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(row, TensorProto.FLOAT, [classes])],
    )
    scan = helper.make_node(
        "Scan", [NETWORK_INPUT_NAME], [OUTPUT_NAME], name="network/scan", num_scan_inputs=1, body=body
    )
    first = helper.make_tensor("network/first", TensorProto.INT64, [1], [0])
    graph = helper.make_graph(
        [scan],
        "network",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", classes])],
        [*inner.graph.initializer, first],
    )
    result = make_model(graph)
    result.opset_import.extend(opset for opset in network.opset_import if opset.domain not in ("", "ai.onnx"))
    return result


def flatten_first(network: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Return `network`, which takes rows, with a Flatten in front that takes [N, *`shape`]."""
    return read_through(
        network, shape, "network/rows", lambda x, y: helper.make_node("Flatten", [x], [y], name=y, axis=1)
    )


def read_through(
    network: onnx.ModelProto, shape: tuple[int, ...], name: str, make: Callable[[str, str], onnx.NodeProto]
) -> onnx.ModelProto:
    """Return `network` reading `network_input` float32 [N, *`shape`] through a node, whose output is `name`."""
    batch = fixed_batch(network) or "N"
    result = _renamed(network, {NETWORK_INPUT_NAME: name})
    result.graph.node.insert(0, make(NETWORK_INPUT_NAME, name))
    result.graph.input[0].CopyFrom(
        helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, [batch, *shape])
    )
    return result


def _renamed(network: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """Return a copy of `network` whose nodes call some tensors by other names."""
    result = onnx.ModelProto()
    result.CopyFrom(network)
    for node in result.graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(tensor, tensor) for tensor in tensors]
    return result
