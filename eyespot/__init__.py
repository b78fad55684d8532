"""eyespot: image classifiers that answer the same everywhere. Names are loaded when they are first used.

Example:
    >>> import eyespot
    >>> run = eyespot.train("photos", output="runs/mine")  # doctest: +SKIP
    >>> run.accuracy  # doctest: +SKIP
    0.98
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge import Classifier
    from training.train import train

# Each name with the module that has it; `train` needs the extra eyespot[training].
_NAMES = {"Classifier": "edge", "train": "training.train"}

__all__ = ["Classifier", "train"]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'eyespot' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name)
