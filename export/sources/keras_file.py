"""Read Keras models from files: Keras's own format, and HDF5, as Keras 2 and 3 write them.

Keras's messages on what it cannot load run over pages and seldom name the layer, and Keras 3 stumbles over arguments
that Keras 2 wrote for nothing. So the description of the layers is read first, and brought to what Keras 3 reads:

1. Half precision, mixed or not, becomes float32, which is how mixed weights are stored.
2. A fixed number of pictures becomes an open one.
3. Arguments of Keras 2 that mean nothing any more go, or get their new name.
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
# What a model may be; a layer of these classes is a network inside a network.
CONTAINERS = frozenset({"Functional", "Sequential", "Model"})
HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")

MIXED_NOTE = "the network computes in half precision; the file computes in float32, on the same weights"
BATCH_NOTE = "the network takes a fixed number of pictures; the file takes any number"


def load_keras(path: Path) -> "keras.Model":
    """Return the Keras model in a file, as `read_keras` does."""
    return read_keras(path)[0]


def read_keras(path: Path) -> tuple["keras.Model", tuple[str, ...]]:
    """Return the Keras model in a file, and sentences on what was changed to read it.

    Raises ModelNotFoundError if there is none, ModelError, naming the layer, if Keras cannot make it.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    start_tensorflow()
    import keras

    try:
        config = read_config(path)
        _refuse_code(config, path)
        notes: dict[str, None] = {}
        modern = _modernised(config, notes)
        with tempfile.TemporaryDirectory() as folder:
            source = path if modern == config else _with_config(path, modern, Path(folder))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # on what follows as an error
                model = keras.models.load_model(source, compile=False)
        return model, tuple(notes)
    except UNREADABLE as error:
        if isinstance(error, ModelError):
            raise
        reason = reason_of(error)
        raise ModelError(f"{path}: Keras cannot read this model ({reason:.200})") from None


def read_config(path: Path) -> dict[str, Any]:
    """Return what a file says of its network's layers. Raises ModelError for a file of weights alone."""
    if path.suffix not in HDF5_SUFFIXES:
        with zipfile.ZipFile(path) as archive:
            return dict(json.loads(archive.read("config.json")))
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ModelError(
            f"{path}: it holds weights alone, no network; save the whole one with model.save('model.keras')"
        )
    return dict(json.loads(text))


def _with_config(path: Path, config: dict[str, Any], folder: Path) -> Path:
    """Return a copy of a file, in `folder`, with another description of its layers."""
    copy = folder / path.name
    if path.suffix in HDF5_SUFFIXES:
        import h5py

        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
        return copy
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.infolist():
            if entry.filename == "config.json":
                target.writestr(entry, json.dumps(config))
            else:
                with source.open(entry) as member, target.open(entry, "w", force_zip64=True) as written:
                    shutil.copyfileobj(member, written)
    return copy


def _modernised(value: Any, notes: dict[str, None]) -> Any:
    """Return a description with the rules above applied wherever they do, and add a sentence on each to `notes`."""
    if isinstance(value, list):
        return [_modernised(item, notes) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: _modernised(item, notes) for key, item in value.items()}
    if result.get("dtype") in HALF or (result.get("name") in HALF and "class_name" not in result):  # rule 1
        key = "dtype" if result.get("dtype") in HALF else "name"
        result[key] = "float32"
        notes[MIXED_NOTE] = None
    kind, config = result.get("class_name"), result.get("config")
    if not isinstance(kind, str) or not isinstance(config, dict):
        return result
    old = config.pop("batch_input_shape", None)  # rule 3
    if kind == "InputLayer":
        shape = config.get("batch_shape", old)
        if shape and shape[0] is not None:  # rule 2
            notes[BATCH_NOTE] = None
        config |= {"batch_shape": [None, *shape[1:]]} if shape else {}
    if kind in UNGROUPED and config.get("groups") == 1:
        del config["groups"]
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if kind == "Policy":
        result |= {"class_name": "DTypePolicy", "module": "keras"}
    if kind in CONTAINERS and ".engine." in str(result.get("module")):
        result["module"] = f"keras.src.models.{'functional' if kind == 'Functional' else kind.lower()}"
    return result


def _refuse_code(config: dict[str, Any], path: Path) -> None:
    """Raise ModelError for the first layer that is Python code which the file does not, or may not, bring."""
    import keras

    for kind, name, is_known in _layers({"config": {"layers": [config]}}):
        if kind == "Lambda":
            raise ModelError(
                f"{path}: the layer {name!r} is a Lambda, Python code that is not run from a file; replace it by "
                "layers of Keras, or save the network as a SavedModel"
            )
        if not is_known and keras.saving.get_registered_object(kind) is None:
            raise ModelError(
                f"{path}: the layer {name!r} is of the class {kind}, whose code is not in the file; save the network "
                "as a SavedModel, with model.export('folder')"
            )


def _layers(config: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield class, name and whether Keras has that class, for each layer, those of networks inside included."""
    import keras

    for layer in config.get("config", {}).get("layers", []):
        kind, inner = layer.get("registered_name") or layer.get("class_name"), layer.get("config", {})
        # An operation such as keras.ops.top_k is no layer, but Keras's own as well.
        is_own = str(layer.get("module")).partition(".")[0] == "keras"
        is_known = is_own or kind in CONTAINERS or hasattr(keras.layers, str(kind))
        yield str(kind), str(inner.get("name", layer.get("name"))), is_known
        wrapped = inner.get("layer")
        for nested in (layer, *([{"config": {"layers": [wrapped]}}] if isinstance(wrapped, dict) else [])):
            yield from _layers(nested) if isinstance(nested.get("config"), dict) else ()
