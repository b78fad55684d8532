"""Tell what a path holds, open what can be opened, and say of everything else what it is and the way from there."""

import json
from difflib import get_close_matches
from pathlib import Path

from edge.errors import ModelNotFoundError, UsageError
from export.sources.source import Source

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
TORCH = (
    "weights of PyTorch without their network; export the network with torch.onnx.export(model.eval(), "
    "torch.zeros(1, 3, 224, 224), 'model.onnx', external_data=False) and take it in with 'eyespot adopt model.onnx'"
)
TFLITE = (
    "a TensorFlow Lite model, which cannot be turned back; export the Keras file or the SavedModel that it was made of "
    "(Teachable Machine: download 'Tensorflow', 'Keras')"
)
TFJS = (
    "a TensorFlow.js model; export the Keras file or the SavedModel that it was made of (Teachable Machine: download "
    "'Tensorflow', 'Keras'), or convert it with tensorflowjs_converter --input_format=tfjs_layers_model "
    "--output_format=keras model.json model.h5"
)
FOREIGN_KINDS = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".safetensors", ".bin"), TORCH),
    ".pt2": "a program that PyTorch exported; save it with torch.onnx.export(...) and take it in with 'eyespot adopt'",
    ".tflite": TFLITE,
    ".pb": "a frozen graph of TensorFlow; give the folder of a SavedModel, or convert it with tf2onnx and adopt that",
    ".mlmodel": "a Core ML model; export the network that it was made of",
    ".mlpackage": "a Core ML model; export the network that it was made of",
    **dict.fromkeys(
        (".pkl", ".joblib"), "a pickle of Python, which is not opened; convert it with skl2onnx and adopt it"
    ),
    **dict.fromkeys((".engine", ".plan"), "an engine of TensorRT for one GPU; export the network that it was made of"),
}


def open_source(path: Path, output_name: str | None = None) -> Source:
    """Return the network in a file of Keras, a SavedModel or a plain ONNX file; `output_name` chooses an output.

    Raises ModelNotFoundError if there is nothing, UsageError for what is none of these, with the way to one of them.
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
    """Whether a path names a file of Keras. Raises UsageError for one whose name Keras does not know."""
    if path.suffix.lower() not in KERAS_SUFFIXES or path.is_dir():
        return False
    if path.suffix not in KERAS_SUFFIXES:
        raise UsageError(
            f"{path}: Keras knows files by {', '.join(sorted(KERAS_SUFFIXES))} in small letters; rename it"
        )
    return True


def not_a_model(path: Path) -> UsageError | ModelNotFoundError:
    """Return an error that says what is at `path`, which is no model that can be opened, and what to do."""
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, 1)
        hint = f"; did you mean {path.parent / near[0]}?" if near else ""
        return ModelNotFoundError(f"{path}: there is no such file or folder{hint}")
    if path.is_file():
        kind = TFJS if path.suffix == ".json" and _is_tfjs(path) else FOREIGN_KINDS.get(path.suffix.lower())
        if kind:
            return UsageError(f"{path}: this is {kind}")
    elif (path / "model.json").is_file() and _is_tfjs(path / "model.json"):
        return UsageError(f"{path}: this is {TFJS}")
    elif path.suffix == ".mlpackage":
        return UsageError(f"{path}: this is {FOREIGN_KINDS['.mlpackage']}")
    else:
        models = sorted(p.name for p in path.iterdir() if p.suffix in (*KERAS_SUFFIXES, ".onnx"))
        hint = f"; there is {path / models[0]} in it" if models else ""
        return ModelNotFoundError(
            f"{path}: this folder is neither a run (spec.json) nor a SavedModel (saved_model.pb){hint}"
        )
    return UsageError(
        f"{path}: a model is a run, a file of Keras ({', '.join(sorted(KERAS_SUFFIXES))}), a SavedModel "
        "folder or an .onnx file"
    )


def _is_tfjs(path: Path) -> bool:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    return isinstance(value, dict) and "weightsManifest" in value
