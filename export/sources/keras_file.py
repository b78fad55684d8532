"""Read Keras models from files: Keras's own format, and HDF5, as Keras 2 and 3 write them.

Keras's messages about what it cannot load run over pages and seldom name the layer, and Keras 3 refuses arguments that
Keras 2 wrote. So the config of the layers is read first, checked, and brought to what Keras 3 reads.
"""

import json
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ModelError, ModelNotFoundError, reason_of
from export.quiet_tensorflow import start_tensorflow

if TYPE_CHECKING:
    import keras

HDF5_SUFFIXES = frozenset({".h5", ".hdf5"})

# Keras 2 wrote `groups` for these, always 1; Keras 3 does not know it there.
UNGROUPED = frozenset(
    {"DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv1DTranspose", "Conv2DTranspose"}
)
# What Keras, zipfile and json raise for a damaged file; too deep a nesting is a RuntimeError.
UNREADABLE = (
    *(ValueError, OSError, TypeError, KeyError, AttributeError, RuntimeError, EOFError),
    *(ImportError, zipfile.BadZipFile, zlib.error),
)
# What a model may be, and the module of Keras 3 that it is in.
CONTAINERS = {"Functional": "functional", "Sequential": "sequential", "Model": "model"}
HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")

MIXED_NOTE = "the network computes in half precision; the file computes in float32, on the same weights"
BATCH_NOTE = "the network takes a fixed number of pictures; the file takes any number"


def load_keras(path: Path) -> "keras.Model":
    """Return the Keras model in a file, as `read_keras` does."""
    return read_keras(path)[0]


def read_keras(path: Path) -> tuple["keras.Model", tuple[str, ...]]:
    """Return the Keras model in a file, and sentences about what was changed to read it.

    Raises ModelNotFoundError if there is none, ModelError, naming the layer, if Keras cannot load it.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    start_tensorflow()
    try:
        text = _read_config(path)
        config = json.loads(text)
        _refuse_code(config, path)
        notes = _modernise(config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about what follows as an error
            return _load(path, None if config == json.loads(text) else json.dumps(config)), notes
    except UNREADABLE as error:
        if isinstance(error, ModelError | ModuleNotFoundError):  # the latter names the extra
            raise
        raise ModelError(f"{path}: Keras cannot read this model ({reason_of(error):.200})") from None


def _read_config(path: Path) -> str | bytes:
    """Return the JSON about the layers in a file. Raises ModelError for a file of weights alone."""
    if path.suffix not in HDF5_SUFFIXES:
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path) as file:
        text: str | bytes | None = file.attrs.get("model_config")
    if text is None:
        raise ModelError(
            f"{path}: it holds weights alone, no network; save the whole one with model.save('model.keras')"
        )
    return text


def _load(path: Path, config: str | None) -> "keras.Model":
    """Return the model in a file, of the layers in `config` where one is given."""
    import keras

    if config is None:
        return keras.models.load_model(path, compile=False)
    if path.suffix not in HDF5_SUFFIXES:
        model = keras.models.model_from_json(config)
        model.load_weights(path)
        return model
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = config
        return keras.models.load_model(copy, compile=False)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object inside a config, the outer before the inner."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _refuse_code(config: dict[str, Any], path: Path) -> None:
    """Raise ModelError for the first layer that is Python code, which a file does not hold or which is not run."""
    import keras

    for layer in (entry for owner in ({"layer": config}, *_objects(config)) for entry in _layers_of(owner)):
        kind = str(layer.get("registered_name") or layer.get("class_name"))
        name = layer.get("config", {}).get("name", layer.get("name"))
        if kind == "Lambda":
            raise ModelError(
                f"{path}: the layer {name!r} is a Lambda, Python code that is not run from a file; replace it by "
                "layers of Keras, or save the network as a SavedModel"
            )
        # An operation such as keras.ops.top_k is not a layer, but part of Keras as well.
        is_known = str(layer.get("module")).partition(".")[0] == "keras" or hasattr(keras.layers, kind)
        if not is_known and kind not in CONTAINERS and keras.saving.get_registered_object(kind) is None:
            raise ModelError(
                f"{path}: the layer {name!r} is of the class {kind}, whose code is not in the file; save the network "
                "as a SavedModel, with model.export('folder')"
            )


def _layers_of(owner: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an object names as its layers, or as the layer that it wraps."""
    found = [owner.get("layer"), *(owner["layers"] if isinstance(owner.get("layers"), list) else [])]
    return [layer for layer in found if isinstance(layer, dict)]


def _modernise(config: dict[str, Any]) -> tuple[str, ...]:
    """Bring a config to what Keras 3 reads, in place, and return sentences about what it means for the user.

    Half precision becomes float32, as which mixed weights are saved; a fixed batch becomes open; arguments of Keras 2
    that mean nothing any more are removed, or get their new name.
    """
    notes: dict[str, None] = {}
    for entry in _objects(config):
        key = "name" if "class_name" not in entry and entry.get("name") in HALF else "dtype"
        if entry.get(key) in HALF:
            entry[key] = "float32"
            notes[MIXED_NOTE] = None
        kind, arguments = entry.get("class_name"), entry.get("config")
        if not isinstance(kind, str) or not isinstance(arguments, dict):
            continue
        shape = arguments.pop("batch_input_shape", None)
        shape = arguments.get("batch_shape", shape)
        if kind == "InputLayer" and shape:
            notes |= {} if shape[0] is None else {BATCH_NOTE: None}
            arguments["batch_shape"] = [None, *shape[1:]]
        if kind in UNGROUPED and arguments.get("groups") == 1:
            del arguments["groups"]
        if kind == "BatchNormalization" and isinstance(arguments.get("axis"), list) and len(arguments["axis"]) == 1:
            arguments["axis"] = arguments["axis"][0]
        if kind == "Policy":
            entry |= {"class_name": "DTypePolicy", "module": "keras"}
        if kind in CONTAINERS and ".engine." in str(entry.get("module")):
            entry["module"] = f"keras.src.models.{CONTAINERS[kind]}"
    return tuple(notes)
