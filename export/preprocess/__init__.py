"""Preprocessing as an ONNX graph: its only implementation in eyespot.

Training runs this graph to make its arrays, and export merges the same graph with the network, so the two cannot
differ. Steps that round to integer levels 0 to 255 use exact arithmetic: the result is the same on every processor.
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
