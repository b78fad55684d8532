"""Image classifiers that answer the same everywhere: trained with Keras, exported to one ONNX file, run anywhere.

The names below are the public face of the packages `edge`, `export` and `training`. Each is loaded when it is first
used, so that `import eyespot` costs nothing and a device needs only what it runs.

Example:
    >>> import eyespot
    >>> run = eyespot.train("photos", output="runs/photos")
    >>> spec = eyespot.export(run, output="photos.onnx")
    >>> classifier = eyespot.Classifier.load("photos.onnx")
    >>> classifier.classify("photo.jpg").predictions[0].label
    'warm'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import edge  # noqa: F401  # refuses an old Python

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from edge.errors import EyespotError
    from eyespot.artifact import export
    from eyespot.evaluation import evaluate
    from eyespot.preprocessing import Preprocessing
    from training.train import train

    __version__: str

# Each name with the module that holds it and the extra of eyespot that this module needs.
_NAMES: dict[str, tuple[str, str | None]] = {
    "Classifier": ("edge.classifier", None),
    "EyespotError": ("edge.errors", None),
    "Preprocessing": ("eyespot.preprocessing", "export"),
    "evaluate": ("eyespot.evaluation", "training"),
    "export": ("eyespot.artifact", "export"),
    "train": ("training.train", "training"),
}

__all__ = ["Classifier", "EyespotError", "Preprocessing", "__version__", "evaluate", "export", "train"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("eyespot")
    if name not in _NAMES:
        raise AttributeError(f"module 'eyespot' has no attribute {name!r}")
    from edge.errors import explaining_imports

    module, extra = _NAMES[name]
    with explaining_imports(f"eyespot.{name}", extra):
        return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
