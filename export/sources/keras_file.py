"""Read Keras models from files: Keras's own format, and HDF5 as Keras 2 and 3 write it.

It exists because Keras's messages on what it cannot load run over pages and seldom name the layer, and because
Keras 3 stumbles over an argument that Keras 2 wrote for nothing.
"""

import json
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
UNGROUPED = (
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Conv1DTranspose",
    "Conv2DTranspose",
)
# What Keras, zipfile and json raise for a damaged file; too deep a nesting is a RuntimeError.
UNREADABLE = (
    *(ValueError, OSError, TypeError, KeyError, AttributeError, RuntimeError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)
# What a model may be; a layer of these classes is a network inside a network.
CONTAINERS = frozenset({"Functional", "Sequential", "Model"})


def load_keras(path: Path) -> "keras.Model":
    """Return the Keras model in a file.

    Raises ModelNotFoundError if there is none, ModelError, naming the layer, if Keras cannot make it.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: there is no such file")
    start_tensorflow()
    import keras

    try:
        config = read_config(path)
        _refuse_code(config, path)
        return keras.models.load_model(path, custom_objects=_keras_2_layers(), compile=False)
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


def _keras_2_layers() -> dict[str, Any]:
    """Return stand-ins for layers, by name, that make Keras's own layer of what Keras 2 wrote of it."""
    import keras

    def stand_in(layer: Any) -> Any:
        def from_config(_: Any, config: dict[str, Any]) -> Any:
            if config.get("groups") == 1:
                config = {key: value for key, value in config.items() if key != "groups"}
            return layer.from_config(config)

        return type(layer.__name__, (layer,), {"from_config": classmethod(from_config)})

    return {name: stand_in(getattr(keras.layers, name)) for name in UNGROUPED if hasattr(keras.layers, name)}
