"""Read a node as y = s x + t for each channel: BatchNormalization, and Mul, Add, Sub and Div with a constant."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from export.passes.network import Network, attributes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """What a node does to each channel of `source`: `scale` [c], then `shift` [c], both float64."""

    source: str
    scale: Array
    shift: Array


def read_affine(network: Network, node: onnx.NodeProto) -> Affine | None:
    """Return what `node` does to each channel (axis 1) of its input, None if that is not all it does."""
    if node.op_type == "BatchNormalization" and len(node.output) == 1:
        return _read_normalisation(network, node)
    return _read_arithmetic(network, node) if node.op_type in ("Mul", "Add", "Sub", "Div") else None


def _read_normalisation(network: Network, node: onnx.NodeProto) -> Affine | None:
    values = [network.constant(name) for name in node.input[1:]]
    if any(value is None for value in values):
        return None
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
    scale = gamma / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
    return Affine(node.input[0], scale, beta - mean * scale)


def _read_arithmetic(network: Network, node: onnx.NodeProto) -> Affine | None:
    source, constant = node.input
    if network.is_constant(source) and node.op_type in ("Mul", "Add"):
        source, constant = constant, source
    values = _by_channel(network, source, constant)
    if values is None:
        return None
    zeros, ones = np.zeros_like(values), np.ones_like(values)
    match node.op_type:
        case "Mul":
            return Affine(source, values, zeros)
        case "Div":
            return Affine(source, 1 / values, zeros) if values.all() else None
        case "Add":
            return Affine(source, ones, values)
        case _:
            return Affine(source, ones, -values)


def _by_channel(network: Network, source: str, constant: str) -> Array | None:
    """Return a constant as one float64 for each channel of `source`, None if it is not that."""
    shape, value = network.shape(source), network.constant(constant)
    if value is None or value.dtype != np.float32 or len(shape) < 2 or value.ndim > len(shape):
        return None
    channels = shape[1]
    aligned = (1,) * (len(shape) - value.ndim) + value.shape
    if not isinstance(channels, int) or aligned[1] not in (1, channels) or value.size != aligned[1]:
        return None
    return np.broadcast_to(value.reshape(-1).astype(np.float64), channels)
