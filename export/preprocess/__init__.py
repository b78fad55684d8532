"""Preprocessing as an ONNX graph: its only implementation in eyespot.

Training runs this graph to make its arrays, and export merges the same graph with the network, so there is nothing to
drift from. Steps that round to whole levels 0 to 255 do it by exact arithmetic: the result does not depend on the
processor.
"""

from export.preprocess.compile import (
    PIXELS_NAME,
    build_geometry,
    build_preprocessing,
    build_values,
    network_shape,
    split_steps,
)
from export.preprocess.graph import OPSET, make_model

__all__ = [
    "OPSET",
    "PIXELS_NAME",
    "build_geometry",
    "build_preprocessing",
    "build_values",
    "make_model",
    "network_shape",
    "split_steps",
]
