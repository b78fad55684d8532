"""Let convolutions and poolings pad by themselves.

1. A Pad with zeros of height and width in front of a Conv becomes part of the Conv's own padding.
2. So does one in front of a MaxPool, which pads with minus infinity, where nothing is below zero and every
   window holds at least one value: the largest is then the same.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from export.passes.network import Network, attributes

SPATIAL_PADS = 4  # above, left, below, right


def absorb_padding(network: Network, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return a Conv or MaxPool that pads by itself in place of one behind a Pad."""
    if node.op_type not in ("Conv", "MaxPool") or len(node.output) != 1:
        return None
    pad = network.maker(node.input[0])
    if pad is None or pad.op_type != "Pad" or not network.is_read_once(node.input[0]):
        return None
    settings = attributes(node)
    added = _zero_pads(network, pad)
    if added is None or settings.get("auto_pad", b"NOTSET") != b"NOTSET" or settings.get("ceil_mode"):
        return None
    pads = added + np.array(settings.get("pads", [0] * SPATIAL_PADS))
    if node.op_type == "MaxPool" and not _is_harmless(network, pad, pads, settings):  # rule 2
        return None
    settings["pads"] = pads.tolist()
    return [helper.make_node(node.op_type, [pad.input[0], *node.input[1:]], node.output, **settings)]


def _zero_pads(network: Network, pad: onnx.NodeProto) -> NDArray[np.int64] | None:
    """Return the border in pixels of a Pad of [N, c, H, W] with zeros, None for any other."""
    pads = network.constant(pad.input[1])
    value = network.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.float32(0)
    plain = attributes(pad).get("mode", b"constant") == b"constant" and len(pad.input) <= 3
    if not plain or pads is None or value is None or value != 0 or len(pads) != 8 or (pads < 0).any():
        return None
    return None if pads[[0, 1, 4, 5]].any() else pads[[2, 3, 6, 7]]


def _is_harmless(network: Network, pad: onnx.NodeProto, pads: NDArray[np.int64], settings: dict[str, object]) -> bool:
    kernel = np.array(settings["kernel_shape"])
    maker = network.maker(pad.input[0])
    fits = bool((pads.reshape(2, 2) < kernel).all()) and "dilations" not in settings and "pads" not in settings
    return fits and maker is not None and maker.op_type == "Relu"
