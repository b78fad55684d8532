"""Classify images on any device; the errors, the decoder, the spec and the artifact that all packages share.

Names are loaded when they are first used, so that `import edge` costs nothing.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036  # a checkout has no pip that would refuse
    raise ImportError(f"eyespot needs Python 3.11 to 3.13. Received: {sys.version.split()[0]}")

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from edge.errors import EyespotError, ImageError
    from edge.image import DecodedImage, decode_image, read_image
    from edge.result import Box, Classification, Prediction, Region
    from edge.spec import Faces, Glyphs, ModelSpec

# Read when OpenCV and onnxruntime are first imported: OpenCV would log each damaged file, which our errors name
# already, and onnxruntime from 1.29 on sends telemetry.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Box",
    "Classification",
    "Classifier",
    "DecodedImage",
    "EyespotError",
    "Faces",
    "Glyphs",
    "ImageError",
    "ModelSpec",
    "Prediction",
    "Region",
    "decode_image",
    "read_image",
]
_MODULES = {
    "edge.classifier": ("Classifier",),
    "edge.errors": ("EyespotError", "ImageError"),
    "edge.image": ("DecodedImage", "decode_image", "read_image"),
    "edge.result": ("Box", "Classification", "Prediction", "Region"),
    "edge.spec": ("Faces", "Glyphs", "ModelSpec"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'edge' has no attribute {name!r}")
