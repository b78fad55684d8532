"""Write a network with weights and activations of sixteen bits, for GPUs, which compute those several times as fast.

Input, output and Softmax stay float32, so that probabilities sum to 1. A CPU computes nodes of sixteen bits in float32
and does not show where a GPU would get infinity, so networks that hold numbers beyond half precision are refused.
"""

import warnings

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from edge.errors import ParityError
from export.graph.canonical import canonicalise
from export.quantize.int8 import measure_ranges

SCHEME = "IEEE half precision, float32 in and out"
# The largest number of IEEE 754's binary16.
LARGEST_HALF = 65504.0


def to_float16(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return `network`, float32 [N, h, w, c] to [N, classes], in half precision.

    A weight beyond 65,504 is clipped to that; `require_half_range` refuses such networks.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a line for every weight too small to be told from 0
        half = convert_float_to_float16(
            copy, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Softmax"], disable_shape_infer=False
        )
    # The converter casts what a last Softmax gives to half precision and back.
    makers = {name: node for node in half.graph.node for name in node.output}
    last, casts = makers[half.graph.output[0].name], []
    while last.op_type == "Cast":
        casts.append(last)
        last = makers[last.input[0]]
    if last.op_type == "Softmax" and casts:
        last.output[0] = half.graph.output[0].name
        for cast in casts:
            half.graph.node.remove(cast)
    return canonicalise(half, network.graph.output[0].type.tensor_type.shape.dim[1].dim_value)


def require_half_range(network: onnx.ModelProto, images: NDArray[np.float32]) -> None:
    """Raise ParityError, naming the node, if a weight or activation of `network` is too large for half precision.

    Activations are those for `images`, float32 [N, h, w, c].
    """
    readers = {name: node.name for node in network.graph.node for name in node.input}
    makers = {name: node.name for node in network.graph.node for name in node.output}
    found = [
        (f"a weight of the node {readers.get(tensor.name, tensor.name)!r}", float(np.abs(values).max()))
        for tensor in network.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and (values := numpy_helper.to_array(tensor)).size
    ]
    for tensor, data in measure_ranges(network, images[:, None], every=True).items():
        where = f"the node {makers[tensor]!r}" if tensor in makers else "the preprocessed picture"
        found.append((where, float(np.max(np.abs(data.range_value)))))
    where, largest = max(found, key=lambda pair: np.nan_to_num(pair[1], nan=np.inf))
    if not largest <= LARGEST_HALF:
        raise ParityError(
            f"fp16 cannot hold this network: {where} reaches {largest:.3g}, and half precision ends at "
            f"{LARGEST_HALF:,.0f}, beyond which a GPU computes infinity. Nothing was written; leave --fp16 out"
        )
