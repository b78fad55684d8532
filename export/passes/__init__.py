"""Exact rewrites of a converted network, one a file, and the order in which they are tried.

They exist because a converter writes what a framework executes, not what a device should: shapes that are
computed although they are known, normalisation that could stand in the weights, axes moved for nothing.
Every rewrite gives the same function up to the rounding of float32; export compares the result with Keras.
"""

import onnx

from export.passes.constant_reshape import simplify_reshape
from export.passes.dense import make_dense
from export.passes.depthwise import make_depthwise
from export.passes.fold_affine import fold_affine
from export.passes.idle import remove_idle
from export.passes.network import Network
from export.passes.padding import absorb_padding
from export.passes.transposes import remove_transpose

# Each enables those behind it: known shapes show which transposes are idle, dense layers which scales fold.
PASSES = (remove_idle, simplify_reshape, make_dense, absorb_padding, fold_affine, remove_transpose)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model`, float32 [N, h, w, c] to [N, classes], rewritten until no pass finds anything to do."""
    network = Network(model)
    while any(network.rewrite(rule) for rule in PASSES):
        pass
    network.rewrite(make_depthwise)  # last, for it gives up what could still fold
    return network.to_model()
