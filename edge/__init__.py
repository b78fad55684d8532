"""The edge room: what a device needs to classify images, and what every other room shares.

It imports nothing of ours and nothing heavier than numpy, onnxruntime and OpenCV. The names below are
loaded when they are first used, so that `import edge` costs nothing.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.classification import Classification, Prediction
    from edge.classifier import Classifier
    from edge.decode import DecodedImage, decode_image, read_image
    from edge.errors import EyespotError
    from edge.regions.region import Box, Region
    from edge.spec import Faces, Glyphs, ModelSpec

# OpenCV reports a broken file on standard error as well; the error we raise says it once. It reads this when
# it is first imported, which is later than any import of this package.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

__all__ = [
    "Box",
    "Classification",
    "Classifier",
    "DecodedImage",
    "EyespotError",
    "Faces",
    "Glyphs",
    "ModelSpec",
    "Prediction",
    "Region",
    "decode_image",
    "read_image",
]

_HOME = {
    "Box": "edge.regions.region",
    "Classification": "edge.classification",
    "Classifier": "edge.classifier",
    "DecodedImage": "edge.decode",
    "EyespotError": "edge.errors",
    "Faces": "edge.spec",
    "Glyphs": "edge.spec",
    "ModelSpec": "edge.spec",
    "Prediction": "edge.classification",
    "Region": "edge.regions.region",
    "decode_image": "edge.decode",
    "read_image": "edge.decode",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
