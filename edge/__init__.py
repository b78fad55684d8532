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
    from edge.image import decode_image, read_image

# Read when OpenCV and onnxruntime are first imported: OpenCV would log each damaged file, which our errors name
# already, and onnxruntime from 1.29 on sends telemetry.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Classifier", "EyespotError", "ImageError", "decode_image", "read_image"]
_MODULES = {"Classifier": "edge.classifier", "decode_image": "edge.image", "read_image": "edge.image"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "edge.errors")), name)
