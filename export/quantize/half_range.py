"""Refuse half precision to a network whose weights or inner numbers it cannot hold.

It exists because a processor computes nodes of sixteen bits in float32, so that their accuracy here shows nothing of
what a GPU makes of a number that is too large: infinity. What the float32 network holds inside is what tells.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge.artifact import SEAM_NAME
from edge.errors import ParityError
from edge.runtime import create_session
from export.graph.answers import BATCH

# The largest number of IEEE 754's binary16.
LARGEST_HALF = 65504.0
MEASURED = "largest/"


def require_half_range(network: onnx.ModelProto, images: NDArray[np.float32]) -> None:
    """Raise ParityError, naming where it is, for the largest number that `network` holds and half precision cannot.

    `images` float32 [N, h, w, c] are those to judge by.
    """
    for where, largest in (largest_weight(network), largest_inside(network, images)):
        if not largest <= LARGEST_HALF:
            raise ParityError(
                f"fp16 cannot hold this network: {where} reaches {largest:.3g}, and half precision ends at "
                f"{LARGEST_HALF:,.0f}, beyond which a GPU computes infinity. Nothing was written; leave --fp16 out"
            )


def largest_weight(network: onnx.ModelProto) -> tuple[str, float]:
    """Return the largest weight without its sign, and whose it is in words."""
    readers = {name: node.name for node in network.graph.node for name in node.input}
    found = [
        (f"a weight of the node {readers.get(tensor.name, tensor.name)!r}", float(np.abs(values).max()))
        for tensor in network.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and (values := numpy_helper.to_array(tensor)).size
    ]
    return max(found, key=_badness, default=("no weight", 0.0))


def largest_inside(network: onnx.ModelProto, images: NDArray[np.float32]) -> tuple[str, float]:
    """Return the largest number without its sign that enters or leaves any node for `images`, and whose it is."""
    measuring, names = _measuring(network)
    session = create_session(measuring.SerializeToString(), "network")
    batches = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
    largest = np.max(
        [session.run([MEASURED + name for name in names], {SEAM_NAME: batch}) for batch in batches], axis=0
    )
    makers = {name: f"the node {node.name!r}" for node in network.graph.node for name in node.output}
    found = [(makers.get(name, "the preprocessed picture"), float(x)) for name, x in zip(names, largest, strict=True)]
    return max(found, key=_badness)


def _badness(found: tuple[str, float]) -> float:
    return float(np.nan_to_num(found[1], nan=np.inf))


def _measuring(network: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Return the network with the largest value of each of its float32 tensors as outputs, and those tensors."""
    model = onnx.shape_inference.infer_shapes(network)
    graph = model.graph
    typed = (*graph.input, *graph.value_info, *graph.output)
    floats = [value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT]
    names = list(dict.fromkeys(floats))
    for name in names:
        sign_free, largest = f"sign-free/{name}", MEASURED + name
        graph.node.append(helper.make_node("Abs", [name], [sign_free]))
        graph.node.append(helper.make_node("ReduceMax", [sign_free], [largest], keepdims=0))
        graph.output.append(helper.make_tensor_value_info(largest, TensorProto.FLOAT, []))
    return model, names
