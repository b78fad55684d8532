"""Read SavedModel folders, in which Keras 2, Keras 3 (`model.export`) and TensorFlow itself leave a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, UsageError, reason_of
from export.quiet_tensorflow import start_tensorflow
from export.sources.source import Original
from export.sources.tensorflow import answer_call, convert_call, import_tf2onnx, picture_shape

if TYPE_CHECKING:
    import tensorflow as tf

SIGNATURE = "serving_default"


def saved_model_original(path: Path) -> Original:
    """Return the network that a SavedModel serves, as what export works on.

    Raises ModelError for a damaged folder, UsageError for one that serves no classifier of float32 pictures.
    """
    start_tensorflow()
    import tensorflow

    loaded = _load(path)
    signature = _signature(loaded, path)
    function = loaded.signatures[signature]
    image, shape = _only_input(function, path)
    (output,) = function.structured_outputs

    def call(x: Any) -> Any:
        return loaded.signatures[signature](**{image: x})[output]  # its variables live as long as `loaded`

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        return answer_call(call, arrays, str(path))

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        return convert_call(call, given, units, {})

    return Original(str(path), "tensorflow", shape, answer, convert, (tensorflow, import_tf2onnx()))


def _load(path: Path) -> Any:
    import tensorflow

    try:
        return tensorflow.saved_model.load(str(path))
    except (ValueError, OSError, TypeError, KeyError, AttributeError, tensorflow.errors.OpError) as error:
        reason = reason_of(error)
        raise ModelError(f"{path}: TensorFlow cannot read this SavedModel ({reason:.200})") from None


def _signature(loaded: Any, path: Path) -> str:
    found: list[str] = list(getattr(loaded, "signatures", {}))
    if SIGNATURE not in found and len(found) != 1:
        raise UsageError(
            f"{path}: a SavedModel must have the signature {SIGNATURE!r}, or a single one. Received: "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return SIGNATURE if SIGNATURE in found else found[0]


def _only_input(function: Any, path: Path) -> tuple[str, tuple[int | None, ...]]:
    """Return the name of the input and its shape without N."""
    inputs: dict[str, tf.TensorSpec] = function.structured_input_signature[1]
    outputs: dict[str, tf.TensorSpec] = function.structured_outputs
    ranks = [spec.shape.rank for spec in outputs.values()]
    if len(inputs) != 1 or ranks != [2]:
        raise UsageError(
            f"{path}: a classifier must have one input and one output [N, classes]. Received: inputs "
            f"{', '.join(inputs) or 'none'} and outputs {', '.join(f'{n} {s.shape}' for n, s in outputs.items())}"
        )
    ((name, spec),) = inputs.items()
    if spec.dtype.name != "float32" or spec.shape.rank is None:
        raise UsageError(
            f"{path}: the input {name!r} must be float32 of a known number of axes. Received: {spec.dtype.name} "
            f"{spec.shape}"
        )
    return name, picture_shape(list(spec.shape), str(path))
