"""Write a network with weights and activations of sixteen bits, for GPUs, which compute those several times as fast.

What enters is float32 and so is what leaves. Softmax stays float32, so that probabilities sum to 1.
"""

import warnings

import onnx

from export.graph.canonical import canonicalise

SCHEME = "IEEE half precision, float32 in and out"


def to_float16(network: onnx.ModelProto) -> onnx.ModelProto:
    """Return `network`, float32 [N, h, w, c] to [N, classes], in half precision.

    A weight beyond 65,504 is cut to that; whoever asks for this refuses such networks (see export/quantize/half_range.py).
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a line for every weight too small to be told from 0
        half = convert_float_to_float16(
            copy, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Softmax"], disable_shape_infer=False
        )
    _keep_softmax_exact(half.graph)
    return canonicalise(half, network.graph.output[0].type.tensor_type.shape.dim[1].dim_value)


def _keep_softmax_exact(graph: onnx.GraphProto) -> None:
    """Hand out what a last Softmax says; the converter casts it to half precision and back."""
    makers = {name: node for node in graph.node for name in node.output}
    last = makers[graph.output[0].name]
    casts = []
    while last.op_type == "Cast":
        casts.append(last)
        last = makers[last.input[0]]
    if last.op_type == "Softmax" and casts:
        last.output[0] = graph.output[0].name
        for cast in casts:
            graph.node.remove(cast)
