"""Preprocessing as an ONNX graph: its only implementation in eyespot.

It exists so that there is nothing to drift from. Training runs this graph to make its arrays, and export
welds the same graph in front of the network. Steps that round to whole levels 0 to 255 do it by exact
arithmetic, so the result does not depend on the processor.
"""

from export.preprocessing.compile import build_preprocessing, network_shape
from export.preprocessing.graph import OPSET, make_model

__all__ = ["OPSET", "build_preprocessing", "make_model", "network_shape"]
