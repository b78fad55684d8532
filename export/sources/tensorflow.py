"""Convert what TensorFlow runs to ONNX, and weld the preprocessing graph in front of a network."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import ModelError, UsageError, reason_of
from export.graph.canonical import canonicalise
from export.graph.exportable import require_exportable
from export.passes import clean
from export.preprocess import OPSET, make_model
from export.quiet_tensorflow import log_level_kept, start_tensorflow
from export.sources.lean_conversion import lean_conversion
from export.sources.source import Original, Shape

if TYPE_CHECKING:
    import keras

# What protobuf can write, less room for nodes, names and the spec.
LARGEST_BYTES = (1 << 31) - (16 << 20)


def keras_original(model: "keras.Model", source: str) -> Original:
    """Return a Keras model as what export works on; `source` names it in messages.

    Raises UsageError if the model does not take one image or does not end in one row of classes.
    """
    start_tensorflow()
    import keras
    import tensorflow

    _require_classifier(model, source)
    layers = {layer.name: type(layer).__name__ for layer in _all_layers(model)}
    shape = picture_shape(model.inputs[0].shape, source)

    def call(x: Any) -> Any:
        return model(x, training=False)

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        return answer_call(call, arrays, source)

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        # tf2onnx's own from_keras does not know Keras 3; the traced function is the same mathematics.
        return convert_call(call, given, units, layers)

    return Original(source, "keras", shape, answer, convert, (tensorflow, keras, import_tf2onnx()))


def _require_classifier(model: "keras.Model", source: str) -> None:
    try:
        one_each = len(model.inputs) == 1 and len(model.outputs) == 1 and len(model.outputs[0].shape) == 2
    except (AttributeError, TypeError, ValueError):  # of a model that was never built
        raise UsageError(f"{source}: the network was never built, it does not know its input; call it once") from None
    if not one_each:
        raise UsageError(
            f"{source}: a classifier must have one input and one output [N, classes]. Received: {model.name!r} with "
            f"inputs {_shapes(model.inputs)} and outputs {_shapes(model.outputs)}"
        )


def picture_shape(shape: Sequence[int | None], source: str) -> Shape:
    """Return the shape of one picture of a batch. Raises UsageError if the number of pictures is fixed."""
    batch, *rest = shape
    if batch is not None:
        raise UsageError(f"{source}: the network takes {batch} pictures at once; save it with an open batch (None)")
    return tuple(rest)


def answer_call(call: Callable[[Any], Any], arrays: NDArray[np.float32], source: str) -> NDArray[np.float32]:
    """Return what TensorFlow answers. Raises ModelError for arrays that the network turns out not to take."""
    import tensorflow as tf

    try:
        return np.asarray(call(tf.constant(arrays)), np.float32)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise ModelError(f"{source}: the network fails on {list(arrays.shape)}: {_reason(error, {})}") from None


def _all_layers(model: "keras.Model") -> Iterator["keras.Layer"]:
    for layer in model.layers:
        yield layer
        yield from _all_layers(layer) if getattr(layer, "layers", None) else ()


def _shapes(tensors: list[Any]) -> str:
    return " and ".join(str([*tensor.shape]) for tensor in tensors)


def convert_call(
    call: Callable[[Any], Any], shape: tuple[int, ...], units: int, layers: dict[str, str]
) -> onnx.ModelProto:
    """Return the ONNX of a function of TensorFlow, from `network_input` float32 [N, *shape] to `probabilities`.

    `layers` maps the names of its layers to their classes, for messages. Raises ModelError, naming the layer, for
    what has no counterpart in ONNX.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *shape), tf.float32, name=SEAM_NAME)]
    function = tf.function(lambda x: tf.cast(call(x), tf.float32), input_signature=signature, autograph=False)
    tf2onnx = import_tf2onnx()
    try:
        with lean_conversion():
            converted, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    except (TypeError, ValueError, RuntimeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
        raise ModelError(f"the network cannot be converted: {_reason(error, layers)}") from None
    require_exportable(converted.graph, layers)
    # Its one form comes first, so that the passes meet the nodes in the same order in every process.
    return canonicalise(clean(canonicalise(converted, units)), units)


def import_tf2onnx() -> ModuleType:
    """Return tf2onnx, silent: what it cannot convert is found in what it returns, and told in one line."""
    with log_level_kept():  # which it sets
        import tf2onnx
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    module: ModuleType = tf2onnx
    return module


def _reason(error: Exception, layers: dict[str, str]) -> str:
    """Return one line on why tracing or conversion failed, with the layer where Keras says its class."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    if match := re.search(r"calling (\w+)\.call", lines[0]):
        names = " or ".join(repr(name) for name, kind in layers.items() if kind == match[1])
        return f"the layer {names} ({match[1]}) fails: {(lines[1:] or ['it says no more'])[0]:.200}"
    return f"{lines[0]:.200}"


def weld(preprocessing: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """Return one model, `image` to `probabilities`, in which `network_input` is an inner tensor.

    Both parts name their own tensors apart, so that the seam is the only name they share. Raises UsageError
    if what one hands over is not what the other takes, ModelError if the whole is too large or not valid.
    """
    given = [d.dim_value for d in preprocessing.graph.output[0].type.tensor_type.shape.dim[1:]]
    taken = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
    if given != taken:
        raise UsageError(f"preprocessing gives {given} (height, width, channels), the network takes {taken}")
    graph = helper.make_graph(
        [*preprocessing.graph.node, *network.graph.node],
        f"{INPUT_NAME} to {OUTPUT_NAME}",
        preprocessing.graph.input,
        network.graph.output,
        [*preprocessing.graph.initializer, *network.graph.initializer],
        value_info=preprocessing.graph.output,
    )
    _require_size(graph)
    model = make_model(graph)
    model.opset_import.extend(opset for opset in network.opset_import if opset.domain not in ("", "ai.onnx"))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the network is no valid ONNX: {reason_of(error):.200}") from None
    return model


def _require_size(graph: onnx.GraphProto) -> None:
    """Raise ModelError for weights that no single file of protobuf holds; writing one would fail much later."""
    size = sum(len(tensor.raw_data) for tensor in graph.initializer)
    if size > LARGEST_BYTES:
        raise ModelError(
            f"the network's weights take {size / 1e9:.1f} GB, and an .onnx file in one piece holds at most "
            f"{LARGEST_BYTES / 1e9:.1f} GB; export a smaller network"
        )
