"""The edge room: what a device needs to classify images, and what every other room shares.

It imports nothing of ours, and third-party packages that have wheels for small devices. The names below are loaded
when they are first used, so that `import edge` costs nothing.
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

# Read when OpenCV and onnxruntime are first imported, which is later than any import of this package. OpenCV would
# report a broken file on standard error, as our error does already; onnxruntime from 1.29 on keeps telemetry.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULES = {
    "Box": "edge.result",
    "Classification": "edge.result",
    "Classifier": "edge.classifier",
    "DecodedImage": "edge.image",
    "EyespotError": "edge.errors",
    "Faces": "edge.spec",
    "Glyphs": "edge.spec",
    "ImageError": "edge.errors",
    "ModelSpec": "edge.spec",
    "Prediction": "edge.result",
    "Region": "edge.result",
    "decode_image": "edge.image",
    "read_image": "edge.image",
}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
