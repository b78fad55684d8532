"""A classifier before it is an artifact, and how one is opened, whatever format it is saved in."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelNotFoundError, UsageError
from edge.spec import Reference
from export.graph.merge import flatten_first

Shape = tuple[int | None, ...]

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
TORCH = (
    "weights of PyTorch without their network; export the network with torch.onnx.export(model.eval(), "
    "torch.zeros(1, 3, 224, 224), 'model.onnx', external_data=False) and take it in with 'eyespot adopt model.onnx'"
)
TFJS = (
    "a TensorFlow.js model; export the Keras file or the SavedModel that it was made from (Teachable Machine: download "
    "'Tensorflow', 'Keras'), or convert it with tensorflowjs_converter --input_format=tfjs_layers_model "
    "--output_format=keras model.json model.h5"
)
CORE_ML = "a Core ML model; export the network that it was made from"
PICKLE = "a Python pickle, which is not opened; convert it with skl2onnx and adopt it"
TENSORRT = "a TensorRT engine for one GPU; export the network that it was made from"
# What files of other formats are, and the way from there.
OTHER_FORMATS = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".safetensors", ".bin"), TORCH),
    ".pt2": "a program that PyTorch exported; save it with torch.onnx.export(...) and take it in with 'eyespot adopt'",
    ".tflite": "a TensorFlow Lite model, which cannot be turned back; export the Keras file or the SavedModel that it "
    "was made from (Teachable Machine: download 'Tensorflow', 'Keras')",
    ".pb": "a frozen TensorFlow graph; give the folder of a SavedModel, or convert it with tf2onnx and adopt that",
    **dict.fromkeys((".mlmodel", ".mlpackage"), CORE_ML),
    **dict.fromkeys((".pkl", ".joblib"), PICKLE),
    **dict.fromkeys((".engine", ".plan"), TENSORRT),
}


@dataclass(frozen=True)
class Source:
    """A network that takes float32 [N, *`input_shape`] (None for an open size) and gives [N, units].

    `answer` runs it as it is. `convert` takes a shape without None, and the number of units, and returns the network
    as ONNX in canonical form, for any number of pictures or for one at a time. `modules` are the packages whose
    versions go into the certificate. `notes` are sentences for the user about what was changed.
    """

    name: str
    reference: Reference
    input_shape: Shape
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    convert: Callable[[tuple[int, ...], int], onnx.ModelProto]
    modules: tuple[ModuleType, ...]
    notes: tuple[str, ...] = ()

    def accept(self, given: tuple[int, int, int]) -> "Source":
        """Return this network for pictures of shape `given`; one that takes rows gets a flattening before it.

        Raises UsageError if the network does not take that shape.
        """
        if self.input_shape in ((None,), (math.prod(given),)):
            return self._flattened(given)
        if not _fits(given, self.input_shape):
            taken = str([size or "any" for size in self.input_shape]).replace("'", "")
            hint = "; add the step channels_first" if _fits((given[2], *given[:2]), self.input_shape) else ""
            raise UsageError(f"preprocessing gives pictures of {list(given)}, the network takes {taken}{hint}")
        return self

    def _flattened(self, given: tuple[int, ...]) -> "Source":
        length = math.prod(given)
        return replace(
            self,
            input_shape=given,
            answer=lambda arrays: self.answer(arrays.reshape(len(arrays), length)),
            convert=lambda shape, units: flatten_first(self.convert((length,), units), shape),
            notes=(*self.notes, f"the network takes a row of {length} numbers; the file flattens {list(given)} to it"),
        )


def _fits(given: tuple[int, ...], taken: Shape) -> bool:
    return len(given) == len(taken) and all(b in (None, a) for a, b in zip(given, taken, strict=True))


def open_source(path: Path, output_name: str | None = None) -> Source:
    """Return the network in a Keras file, a SavedModel or a plain ONNX file; `output_name` chooses an output.

    Raises ModelNotFoundError if there is nothing, UsageError for anything else, with what it is and what to do.
    """
    if is_keras_file(path):
        from export.sources.keras_file import read_keras
        from export.sources.tensorflow import keras_source

        model, notes = read_keras(path)
        return keras_source(model, str(path), notes, output_name)
    if (path / "saved_model.pb").is_file():
        from export.sources.tensorflow import saved_model_source

        return saved_model_source(path, output_name)
    if path.suffix.lower() == ".onnx" and path.is_file():
        from export.sources.onnx_file import onnx_source

        return onnx_source(path, output_name)
    raise not_a_model(path)


def is_keras_file(path: Path) -> bool:
    """Whether a path names a Keras file. Raises UsageError for a suffix in capitals, which Keras does not know."""
    if path.suffix.lower() not in KERAS_SUFFIXES or path.is_dir():
        return False
    if path.suffix not in KERAS_SUFFIXES:
        raise UsageError(
            f"{path}: Keras knows files by {', '.join(sorted(KERAS_SUFFIXES))} in small letters; rename it"
        )
    return True


def not_a_model(path: Path) -> UsageError | ModelNotFoundError:
    """Return the error for a path that is no model that can be opened: what it is, and what to do."""
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, 1)
        hint = f"; did you mean {path.parent / near[0]}?" if near else ""
        return ModelNotFoundError(f"{path}: there is no such file or folder{hint}")
    kind = TFJS if _is_tfjs(path) else OTHER_FORMATS.get(path.suffix.lower())
    if kind:
        return UsageError(f"{path}: this is {kind}")
    if path.is_dir():
        models = sorted(p.name for p in path.iterdir() if p.suffix in (*KERAS_SUFFIXES, ".onnx"))
        hint = f"; there is {path / models[0]} in it" if models else ""
        return ModelNotFoundError(
            f"{path}: this folder is neither a run (spec.json) nor a SavedModel (saved_model.pb){hint}"
        )
    return UsageError(
        f"{path}: a model is a run, a Keras file ({', '.join(sorted(KERAS_SUFFIXES))}), a SavedModel folder or an "
        ".onnx file"
    )


def _is_tfjs(path: Path) -> bool:
    """Whether a path is the JSON file of a TensorFlow.js model, or its folder."""
    path = path / "model.json" if path.is_dir() else path
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "weightsManifest" in value
