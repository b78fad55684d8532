"""Put graphs together: preprocessing before a network, a flattening before rows, a loop around a single picture."""

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

    The two parts share no other name. Raises UsageError if the network does not take what preprocessing gives,
    ModelError if the model is too large or not valid.
    """
    given = [d.dim_value for d in preprocessing.graph.output[0].type.tensor_type.shape.dim[1:]]
    taken = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
    if given != taken:
        raise UsageError(f"preprocessing gives {given} (height, width, channels), the network takes {taken}")
    size = sum(len(tensor.raw_data) for tensor in network.graph.initializer)
    if size > LARGEST_BYTES:  # or writing would fail much later
        raise ModelError(
            f"the network's weights take {size / 1e9:.1f} GB, and an .onnx file in one piece holds at most "
            f"{LARGEST_BYTES / 1e9:.1f} GB; export a smaller network"
        )
    if fixed_batch(network):
        network = _one_by_one(network)
    graph = helper.make_graph(
        [*preprocessing.graph.node, *network.graph.node],
        f"{INPUT_NAME} to {OUTPUT_NAME}",
        preprocessing.graph.input,
        network.graph.output,
        [*preprocessing.graph.initializer, *network.graph.initializer],
        value_info=preprocessing.graph.output,
    )
    model = _like(network, graph)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the network is no valid ONNX: {reason_of(error):.200}") from None
    return model


def _one_by_one(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network that takes one picture [1, ...] at a time as one that takes any number [N, ...].

    A Scan, an operator of ONNX, runs the network's graph over the pictures of a batch one after the other.
    """
    shape = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
    classes = network.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    picture, row = "network/picture", "network/row"
    inner = rename(network, {NETWORK_INPUT_NAME: "network/alone", OUTPUT_NAME: "network/answer"})
    body = helper.make_graph(
        [
            helper.make_node("Unsqueeze", [picture, "network/first"], ["network/alone"], name="network/alone"),
            *inner.graph.node,
            helper.make_node("Squeeze", ["network/answer", "network/first"], [row], name="network/row"),
        ],
        "one_picture",
        [helper.make_tensor_value_info(picture, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(row, TensorProto.FLOAT, [classes])],
    )
    scan = helper.make_node(
        "Scan", [NETWORK_INPUT_NAME], [OUTPUT_NAME], name="network/scan", num_scan_inputs=1, body=body
    )
    graph = helper.make_graph(
        [scan],
        "network",
        [helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", classes])],
        [*inner.graph.initializer, helper.make_tensor("network/first", TensorProto.INT64, [1], [0])],
    )
    return _like(network, graph)


def _like(network: onnx.ModelProto, graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return a model of `graph` with the imports of `network`."""
    model = make_model(graph)
    model.opset_import.extend(opset for opset in network.opset_import if opset.domain not in ("", "ai.onnx"))
    return model


def flatten_first(network: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Return a network that takes rows with a Flatten before it, so that it takes float32 [N, *`shape`]."""
    rows = "network/rows"
    result = rename(network, {NETWORK_INPUT_NAME: rows})
    result.graph.node.insert(0, helper.make_node("Flatten", [NETWORK_INPUT_NAME], [rows], name=rows, axis=1))
    given = helper.make_tensor_value_info(NETWORK_INPUT_NAME, TensorProto.FLOAT, [fixed_batch(network) or "N", *shape])
    result.graph.input[0].CopyFrom(given)
    return result


def rename(network: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """Return a copy of a network whose nodes call some tensors by other names."""
    result = onnx.ModelProto()
    result.CopyFrom(network)
    for node in result.graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(tensor, tensor) for tensor in tensors]
    return result
