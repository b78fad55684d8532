"""Rank the layers of a network by what eight bits in this layer alone do to its answers.

It exists because a few layers usually make most of the error: the first, the last, or a depthwise one whose
filters differ by orders of magnitude. Those can stay in float32 and the rest still gains.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph.answers import answers
from export.quantize.int8 import Scheme, layers, quantise

# The effect on the mean of so few pictures is enough to put layers in order.
PICTURES = 16


def most_sensitive(network: onnx.ModelProto, ranges: Any, scheme: Scheme, images: NDArray[np.float32]) -> list[str]:
    """Return the names of all layers, the one whose rounding changes the answers most first.

    `images` are float32 [N, h, w, c], `ranges` those of the activations.
    """
    few = images[:PICTURES]
    exact = answers(network, few)
    names = {node.name for node in network.graph.node}
    effects = {
        layer: float(np.abs(answers(quantise(network, ranges, scheme, names - {layer}), few) - exact).mean())
        for layer in layers(network)
    }
    return sorted(effects, key=lambda layer: -effects[layer])
