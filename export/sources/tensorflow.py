"""Networks that TensorFlow runs, Keras models and SavedModels, as sources, and their conversion to ONNX by tf2onnx."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import inliner, numpy_helper, parser

from edge.errors import ModelError, UsageError, reason_of
from edge.model import NETWORK_INPUT_NAME
from export.graph.adapt import for_any_number, set_input
from export.graph.canonical import require_exportable, simplify
from export.preprocess.graph import OPSET
from export.quiet_tensorflow import log_level_kept, start_tensorflow
from export.sources.source import Shape, Source

if TYPE_CHECKING:
    import keras

SIGNATURE = "serving_default"
# Operators of TensorFlow that tf2onnx does not convert, in operators of ONNX.
FUNCTIONS = f"""
<ir_version: 8, opset_import: ["": {OPSET}, "tf": 1]>
functions (float[N] x) => (float[N] x) {{}}
<domain: "tf", opset_import: ["": {OPSET}]>
Erfc (x) => (y) {{ one = Constant <value_float = 1.0> () e = Erf (x) y = Sub (one, e) }}
<domain: "tf", opset_import: ["": {OPSET}]>
Expm1 (x) => (y) {{ one = Constant <value_float = 1.0> () e = Exp (x) y = Sub (e, one) }}
<domain: "tf", opset_import: ["": {OPSET}]>
Log1p (x) => (y) {{ one = Constant <value_float = 1.0> () s = Add (x, one) y = Log (s) }}
"""


def keras_source(
    model: "keras.Model", name: str, notes: tuple[str, ...] = (), output_name: str | None = None
) -> Source:
    """Return a Keras model as a source; `name` begins messages, `output_name` chooses one of several outputs.

    Raises UsageError if the model does not take one image or does not end in one row of classes.
    """
    start_tensorflow()
    import keras
    import tensorflow

    if output_name is not None:
        known = {**dict(zip(model.output_names, model.outputs, strict=True)), **{t.name: t for t in model.outputs}}
        if output_name not in known:
            raise UsageError(
                f"{name}: --output-name must be one of {', '.join(model.output_names)}. Received: {output_name}"
            )
        model = keras.Model(model.inputs, known[output_name])
    try:
        inputs, outputs = [list(t.shape) for t in model.inputs], [list(t.shape) for t in model.outputs]
    except (AttributeError, TypeError, ValueError):  # of a model that was never built
        raise UsageError(f"{name}: the network was never built, it does not know its input; call it once") from None
    if len(inputs) != 1 or len(outputs) != 1 or not _is_row(outputs[0]):
        raise UsageError(
            f"{name}: a classifier must have one input and one output [N, classes]. Received: {model.name!r} with "
            f"inputs {' and '.join(map(str, inputs))} and outputs {' and '.join(map(str, outputs))}; --output-name "
            "chooses one of several"
        )
    layers = {layer.name: type(layer).__name__ for layer in _all_layers(model)}
    shape = _picture_shape(inputs[0], name)
    return _source(lambda x: model(x, training=False), name, "keras", shape, (tensorflow, keras), notes, layers)


def _all_layers(model: "keras.Model") -> Iterator["keras.Layer"]:
    for layer in model.layers:
        yield layer
        yield from _all_layers(layer) if getattr(layer, "layers", None) else ()


def saved_model_source(path: Path, output_name: str | None = None) -> Source:
    """Return the network that a SavedModel serves as a source; `output_name` chooses one of several outputs.

    Raises ModelError for a damaged folder, UsageError for one that serves no classifier of float32 pictures.
    """
    start_tensorflow()
    import tensorflow

    try:
        loaded = tensorflow.saved_model.load(str(path))
    except (ValueError, OSError, TypeError, KeyError, AttributeError, tensorflow.errors.OpError) as error:
        raise ModelError(f"{path}: TensorFlow cannot read this SavedModel ({reason_of(error):.200})") from None
    signatures = sorted(getattr(loaded, "signatures", {}))
    if SIGNATURE not in signatures and len(signatures) != 1:
        received = ", ".join(signatures) or "none"
        raise UsageError(
            f"{path}: a SavedModel must have the signature {SIGNATURE!r}, or a single one. Received: {received}"
        )
    signature = SIGNATURE if SIGNATURE in signatures else signatures[0]
    function = loaded.signatures[signature]
    inputs: dict[str, Any] = function.structured_input_signature[1]
    if len(inputs) != 1:
        raise UsageError(f"{path}: a classifier must have one input. Received: {', '.join(inputs) or 'none'}")
    ((image, spec),) = inputs.items()
    if spec.dtype.name != "float32" or spec.shape.rank is None:
        raise UsageError(
            f"{path}: the input {image!r} must be float32 of a known number of axes. Received: {spec.dtype.name} "
            f"{spec.shape}"
        )
    outputs = {key: list(value.shape) for key, value in function.structured_outputs.items() if value.shape.rank}
    fitting = [key for key, shape in outputs.items() if _is_row(shape) and output_name in (None, key)]
    if len(fitting) != 1:
        received = ", ".join(f"{key} {shape}" for key, shape in outputs.items()) or "none"
        raise UsageError(
            f"{path}: a classifier must have one output [N, classes]; --output-name chooses. Received: {received}"
        )

    def call(x: Any) -> Any:
        return loaded.signatures[signature](**{image: x})[fitting[0]]  # its variables live as long as `loaded`

    shape = _picture_shape(list(spec.shape), str(path))
    return _source(call, str(path), "tensorflow", shape, (tensorflow,))


def _is_row(shape: Sequence[int | None]) -> bool:
    """Whether an output is one row of numbers a picture: [N, units] or [N, 1, 1, units]."""
    return len(shape) >= 2 and shape[-1] is not None and all(side == 1 for side in shape[1:-1])


def _picture_shape(shape: Sequence[int | None], name: str) -> Shape:
    """Return the shape of one picture of a batch. Raises UsageError if the number of pictures is fixed."""
    batch, *rest = shape
    if batch is not None:
        raise UsageError(f"{name}: the network takes {batch} pictures at once; save it with an open batch (None)")
    return tuple(rest)


def _source(
    function: Callable[[Any], Any],
    name: str,
    reference: Any,
    shape: Shape,
    modules: tuple[ModuleType, ...],
    notes: tuple[str, ...] = (),
    layers: Mapping[str, str] = MappingProxyType({}),
) -> Source:
    """Return a function of TensorFlow from pictures to rows of numbers as a source."""
    import tensorflow as tf

    with log_level_kept():  # which it sets
        import tf2onnx
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it cannot convert is found in its result

    def call(x: Any) -> Any:
        result = function(x)
        return result if len(result.shape) == 2 else tf.reshape(result, [-1, result.shape[-1]])

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return np.asarray(call(tf.constant(arrays)), np.float32)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise ModelError(f"{name}: the network fails on {list(arrays.shape)}: {_reason(error, {})}") from None

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        converted = _convert(call, given, layers)
        require_exportable(converted.graph, layers)
        if opened := for_any_number(converted, given, units, answer, name):
            return opened
        set_input(converted.graph, given, "N")
        return simplify(converted, units, name)

    return Source(name, reference, shape, answer, convert, (*modules, tf2onnx), notes)


def _convert(call: Callable[[Any], Any], shape: tuple[int, ...], layers: Mapping[str, str]) -> onnx.ModelProto:
    """Return what tf2onnx makes of a function of TensorFlow from float32 [N, *`shape`] to rows.

    `layers` maps the names of the network's layers to their classes, for messages. Raises ModelError, naming the layer,
    if the function cannot be traced or converted.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    signature = [tf.TensorSpec((None, *shape), tf.float32, name=NETWORK_INPUT_NAME)]
    function = tf.function(lambda x: tf.cast(call(x), tf.float32), input_signature=signature, autograph=False)
    eagerly = tf.config.functions_run_eagerly()
    try:
        tf.config.run_functions_eagerly(True)  # or inner functions that are compiled (grouped convolutions) stay calls
        traced = function.get_concrete_function()
        inputs = [tensor.name for tensor in traced.inputs if tensor.dtype != tf.resource]
        outputs = [tensor.name for tensor in traced.outputs]
        with tf.device("/cpu:0"):
            frozen = tf_loader.from_function(traced, inputs, outputs)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = tfonnx.process_tf_graph(graph, True, opset=OPSET, input_names=inputs, output_names=outputs)
        # Of its dozen optimisations, each of which copies every weight, the one that onnxruntime does less well.
        chosen = {"transpose": optimizer.TransposeOptimizer}
        model: onnx.ModelProto = optimizer.optimize_graph(converted, optimizers=chosen).make_model("network")
    except (TypeError, ValueError, RuntimeError, KeyError, tf.errors.OpError) as error:
        raise ModelError(f"the network cannot be converted: {_reason(error, layers)}") from None
    finally:
        tf.config.run_functions_eagerly(eagerly)
    # Tensors that the function holds, as those of a Normalization layer, are inputs of the graph so far.
    held = dict(zip([tensor.name for tensor in traced.inputs[1:]], traced.captured_inputs, strict=True))
    for value in [value for value in model.graph.input if value.name in held]:
        model.graph.initializer.append(numpy_helper.from_array(held[value.name].numpy(), value.name))
        model.graph.input.remove(value)
    library = parser.parse_model(FUNCTIONS)
    called = [node for node in model.graph.node if node.op_type in {function.name for function in library.functions}]
    for node in called:
        node.domain = "tf"
    if called:
        model.functions.extend(library.functions)
        model.opset_import.append(onnx.helper.make_opsetid("tf", 1))
        model = inliner.inline_local_functions(model)
    return model


def _reason(error: Exception, layers: Mapping[str, str]) -> str:
    """Return one line on why tracing or conversion failed, with the layer where Keras says its class."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    if match := re.search(r"calling (\w+)\.call", lines[0]):
        names = " or ".join(repr(name) for name, kind in layers.items() if kind == match[1])
        return f"the layer {names} ({match[1]}) fails: {(lines[1:] or ['it says no more'])[0]:.200}"
    return f"{lines[0]:.200}"
