"""Fold multiplication and addition by channel, which is what batch normalisation is, into the weights beside it.

With a scale s and a shift t for each channel, y = s x + t (see `affine`).

1. Behind a Conv or a dense layer: its filters and offsets are scaled and shifted.
2. In front of a dense layer, or of the Reshape that flattens a picture for one: its rows are scaled, and what
   the shift contributes is added to its offsets.
3. In front of a Conv: the same, but with a shift only where the Conv does not pad, because a border of zeros
   is not shifted.
4. Two scales in a row, or two shifts, become one.
5. A positive scale changes places with the Relu in front of it, whence rule 1 takes it.
6. A shift or a positive scale behind which a MaxPool stands goes behind the MaxPool, which leaves it less to do.

All constants are computed in float64 and rounded once.
"""

from math import prod

import numpy as np
import onnx
from onnx import helper

from export.passes.affine import Affine, Array, read_affine
from export.passes.constant_reshape import is_simple, make_reshape
from export.passes.dense import is_dense
from export.passes.network import Network, attributes


def fold_affine(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return nodes with other weights in place of an affine node, or of the layer behind one."""
    affine = read_affine(network, node)
    if affine is not None:
        return _fold_behind(network, node, affine)
    before = network.maker(node.input[0]) if node.input else None
    if before is None or not network.is_read_once(node.input[0]):
        return None
    if is_dense(network, node) and is_simple(network, before):  # rule 2
        return _behind_flattened(network, node, before)
    affine = read_affine(network, before)
    if affine is None:
        return None
    if is_dense(network, node):
        return [_behind_scale(network, node, affine)]  # rule 2
    if _is_convolution(network, node) and (not affine.shift.any() or not _pads(node)):
        return [_behind_scale(network, node, affine)]  # rule 3
    if node.op_type == "MaxPool" and len(node.output) == 1 and (affine.scale > 0).all():
        return _behind_pool(network, node, before, affine)  # rule 6
    return None


def _fold_behind(network: Network, node: onnx.NodeProto, affine: Affine) -> list[onnx.NodeProto] | None:
    maker = network.maker(affine.source)
    if maker is None or not network.is_read_once(affine.source):
        return _split(network, node, affine)
    if _is_layer(network, maker):  # rule 1
        return [_scaled(network, maker, affine, node.output[0])]
    before = network.maker(maker.input[0])
    is_scale = not affine.shift.any() and (affine.scale > 0).all()
    if maker.op_type == "Relu" and before is not None and is_scale and network.is_read_once(maker.input[0]):
        if _is_layer(network, before):  # rule 5
            inner = network.new_tensor()
            return [_scaled(network, before, affine, inner), helper.make_node("Relu", [inner], node.output)]
        return None
    inner_affine = read_affine(network, maker)
    if inner_affine is not None and maker.op_type == node.op_type and node.op_type in ("Mul", "Add"):  # rule 4
        values = inner_affine.scale * affine.scale if node.op_type == "Mul" else inner_affine.shift + affine.shift
        joined = _constant_by_channel(network, values, len(network.shape(affine.source)))
        return [helper.make_node(node.op_type, [inner_affine.source, joined], node.output)]
    return _split(network, node, affine)


def _split(network: Network, node: onnx.NodeProto, affine: Affine) -> list[onnx.NodeProto] | None:
    """Return scale and shift apart for a normalisation that folds into nothing as a whole."""
    rank = len(network.shape(affine.source))
    if node.op_type != "BatchNormalization" or not rank:
        return None
    scaled = network.new_tensor()
    scale, shift = (_constant_by_channel(network, values, rank) for values in (affine.scale, affine.shift))
    return [
        helper.make_node("Mul", [affine.source, scale], [scaled]),
        helper.make_node("Add", [scaled, shift], node.output),
    ]


def _constant_by_channel(network: Network, values: Array, rank: int) -> str:
    return network.add_constant(values.astype(np.float32).reshape(1, -1, *[1] * (rank - 2)))


def _is_convolution(network: Network, node: onnx.NodeProto) -> bool:
    return node.op_type == "Conv" and all(network.is_constant(name) for name in node.input[1:])


def _is_layer(network: Network, node: onnx.NodeProto) -> bool:
    return is_dense(network, node) or _is_convolution(network, node)


def _pads(node: onnx.NodeProto) -> bool:
    settings = attributes(node)
    return any(settings.get("pads", ())) or settings.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")


def _scaled(network: Network, layer: onnx.NodeProto, affine: Affine, output: str) -> onnx.NodeProto:
    """Return `layer` followed by `affine`, as one layer."""
    weights = _float64(network, layer.input[1])
    offsets = _offsets(network, layer, weights)
    axis = 0 if layer.op_type == "Conv" else 1
    aligned = affine.scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return _layer(network, layer, layer.input[0], weights * aligned, offsets * affine.scale + affine.shift, output)


def _behind_scale(network: Network, layer: onnx.NodeProto, affine: Affine) -> onnx.NodeProto:
    """Return `affine` followed by `layer`, as one layer."""
    weights = _float64(network, layer.input[1])
    offsets = _offsets(network, layer, weights)
    if layer.op_type == "Gemm":
        new = weights * affine.scale[:, None]
        return _layer(network, layer, affine.source, new, offsets + affine.shift @ weights, layer.output[0])
    groups = attributes(layer).get("group", 1)
    grouped = weights.reshape(groups, -1, *weights.shape[1:])  # [group, filters, channels of the group, sides...]
    sides = weights.ndim - 2
    scale, shift = (v.reshape(groups, 1, weights.shape[1], *[1] * sides) for v in (affine.scale, affine.shift))
    contributed = (grouped * shift).sum(axis=tuple(range(2, grouped.ndim))).reshape(-1)
    new = (grouped * scale).reshape(weights.shape)
    return _layer(network, layer, affine.source, new, offsets + contributed, layer.output[0])


def _float64(network: Network, name: str) -> Array:
    return np.asarray(network.constant(name), np.float64)


def _offsets(network: Network, layer: onnx.NodeProto, weights: Array) -> Array:
    units = weights.shape[0 if layer.op_type == "Conv" else 1]
    if len(layer.input) < 3:
        return np.zeros(units)
    return np.broadcast_to(_float64(network, layer.input[2]).reshape(-1), units)


def _layer(
    network: Network, layer: onnx.NodeProto, source: str, weights: Array, offsets: Array, output: str
) -> onnx.NodeProto:
    constants = [weights, offsets] if offsets.any() else [weights]
    names = [network.add_constant(value.astype(np.float32)) for value in constants]
    return helper.make_node(layer.op_type, [source, *names], [output], **attributes(layer))


def _behind_flattened(network: Network, layer: onnx.NodeProto, flatten: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return Reshape and dense layer in place of affine, Reshape and dense layer."""
    before = network.maker(flatten.input[0])
    affine = read_affine(network, before) if before and network.is_read_once(flatten.input[0]) else None
    lengths = network.lengths(flatten.input[0])
    if affine is None or lengths is None:
        return None
    each = prod(lengths[1:])
    flat = network.new_tensor()
    rows = Affine(flat, np.repeat(affine.scale, each), np.repeat(affine.shift, each))
    return [
        make_reshape(network, affine.source, (each * len(affine.scale),), flat),
        _behind_scale(network, layer, rows),
    ]


def _behind_pool(
    network: Network, pool: onnx.NodeProto, before: onnx.NodeProto, affine: Affine
) -> list[onnx.NodeProto]:
    pooled = network.new_tensor()
    moved = onnx.NodeProto()
    moved.CopyFrom(before)
    moved.input[:] = [pooled if name == affine.source else name for name in before.input]
    moved.output[0] = pool.output[0]
    return [helper.make_node("MaxPool", [affine.source], [pooled], **attributes(pool)), moved]
