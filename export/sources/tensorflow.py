"""What TensorFlow runs, as sources: Keras models and SavedModels, and their conversion to ONNX by tf2onnx."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.errors import ModelError, UsageError, reason_of
from edge.model import NETWORK_INPUT_NAME
from export.graph.canonical import canonicalise, without_idle_reshapes
from export.graph.exportable import require_exportable
from export.graph.session import optimise
from export.preprocess import OPSET
from export.quiet_tensorflow import log_level_kept, start_tensorflow
from export.sources.source import Shape, Source

if TYPE_CHECKING:
    import keras

SIGNATURE = "serving_default"
# That it is there is enough: tf2onnx 1.17 compares the name of the variable, and not its value.
STRICT_VARIABLE = "TF2ONNX_CATCH_ERRORS"


def keras_source(
    model: "keras.Model", name: str, notes: tuple[str, ...] = (), output_name: str | None = None
) -> Source:
    """Return a Keras model as what export works on; `name` stands in messages, `output_name` chooses an output.

    Raises UsageError if the model does not take one image or does not end in one row of classes.
    """
    start_tensorflow()
    import keras
    import tensorflow

    model = _with_output(model, name, output_name)
    _require_classifier(model, name)
    layers = {layer.name: type(layer).__name__ for layer in _all_layers(model)}
    shape = picture_shape(model.inputs[0].shape, name)

    def call(x: Any) -> Any:
        return _rows(model(x, training=False))

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        return answer_call(call, arrays, name)

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        # tf2onnx's own from_keras does not know Keras 3; the traced function is the same mathematics.
        return convert_call(call, given, units, layers)

    return Source(name, "keras", shape, answer, convert, (tensorflow, keras, import_tf2onnx()), notes)


def _rows(x: Any) -> Any:
    """Return [N, units] for an output of TensorFlow that may be [N, 1, 1, units]."""
    import tensorflow as tf

    return x if len(x.shape) == 2 else tf.reshape(x, [-1, x.shape[-1]])


def _is_row(shape: Sequence[int | None]) -> bool:
    """Whether an output is one row of numbers a picture: [N, units] or [N, 1, 1, units]."""
    return len(shape) >= 2 and shape[-1] is not None and all(side == 1 for side in shape[1:-1])


def _with_output(model: "keras.Model", name: str, output_name: str | None) -> "keras.Model":
    """Return the part of a model that leads to one of its outputs, called by the layer or the tensor."""
    if output_name is None:
        return model
    import keras

    known = {**dict(zip(model.output_names, model.outputs, strict=True)), **{t.name: t for t in model.outputs}}
    if output_name not in known:
        raise UsageError(
            f"{name}: --output-name must be one of {', '.join(model.output_names)}. Received: {output_name}"
        )
    return keras.Model(model.inputs, known[output_name])


def _require_classifier(model: "keras.Model", name: str) -> None:
    try:
        one_each = len(model.inputs) == 1 and len(model.outputs) == 1 and _is_row(model.outputs[0].shape)
    except (AttributeError, TypeError, ValueError):  # of a model that was never built
        raise UsageError(f"{name}: the network was never built, it does not know its input; call it once") from None
    if not one_each:
        raise UsageError(
            f"{name}: a classifier must have one input and one output [N, classes]. Received: {model.name!r} with "
            f"inputs {_shapes(model.inputs)} and outputs {_shapes(model.outputs)}; --output-name chooses one of several"
        )


def _shapes(tensors: list[Any]) -> str:
    return " and ".join(str([*tensor.shape]) for tensor in tensors)


def picture_shape(shape: Sequence[int | None], name: str) -> Shape:
    """Return the shape of one picture of a batch. Raises UsageError if the number of pictures is fixed."""
    batch, *rest = shape
    if batch is not None:
        raise UsageError(f"{name}: the network takes {batch} pictures at once; save it with an open batch (None)")
    return tuple(rest)


def _all_layers(model: "keras.Model") -> Iterator["keras.Layer"]:
    for layer in model.layers:
        yield layer
        yield from _all_layers(layer) if getattr(layer, "layers", None) else ()


def saved_model_source(path: Path, output: str | None = None) -> Source:
    """Return the network that a SavedModel serves, as what export works on; `output` chooses one of several.

    Raises ModelError for a damaged folder, UsageError for one that serves no classifier of float32 pictures.
    """
    start_tensorflow()
    import tensorflow

    loaded = _load_saved_model(path)
    signature = _signature(loaded, path)
    function = loaded.signatures[signature]
    image, shape = _only_input(function, path)
    chosen = _only_output(function, path, output)

    def call(x: Any) -> Any:
        return _rows(loaded.signatures[signature](**{image: x})[chosen])  # its variables live as long as `loaded`

    def answer(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        return answer_call(call, arrays, str(path))

    def convert(given: tuple[int, ...], units: int) -> onnx.ModelProto:
        return convert_call(call, given, units, {})

    return Source(str(path), "tensorflow", shape, answer, convert, (tensorflow, import_tf2onnx()))


def _load_saved_model(path: Path) -> Any:
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


def _only_input(function: Any, path: Path) -> tuple[str, Shape]:
    """Return the name of the input and its shape without N."""
    inputs: dict[str, Any] = function.structured_input_signature[1]
    if len(inputs) != 1:
        raise UsageError(f"{path}: a classifier must have one input. Received: {', '.join(inputs) or 'none'}")
    ((name, spec),) = inputs.items()
    if spec.dtype.name != "float32" or spec.shape.rank is None:
        raise UsageError(
            f"{path}: the input {name!r} must be float32 of a known number of axes. Received: {spec.dtype.name} "
            f"{spec.shape}"
        )
    return name, picture_shape(list(spec.shape), str(path))


def _only_output(function: Any, path: Path, wanted: str | None) -> str:
    outputs: dict[str, list[Any]] = {
        name: list(spec.shape) for name, spec in function.structured_outputs.items() if spec.shape.rank
    }
    fitting = [name for name, shape in outputs.items() if _is_row(shape) and wanted in (None, name)]
    if len(fitting) != 1:
        received = ", ".join(f"{name} {shape}" for name, shape in outputs.items()) or "none"
        raise UsageError(
            f"{path}: a classifier must have one output [N, classes]; --output-name chooses. Received: {received}"
        )
    return fitting[0]


def answer_call(call: Callable[[Any], Any], arrays: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return what TensorFlow answers. Raises ModelError for arrays that the network turns out not to take."""
    import tensorflow as tf

    try:
        return np.asarray(call(tf.constant(arrays)), np.float32)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise ModelError(f"{name}: the network fails on {list(arrays.shape)}: {_reason(error, {})}") from None


def convert_call(
    call: Callable[[Any], Any], shape: tuple[int, ...], units: int, layers: dict[str, str]
) -> onnx.ModelProto:
    """Return the ONNX of a function of TensorFlow, from `network_input` float32 [N, *shape] to `probabilities`.

    `layers` maps the names of its layers to their classes, for messages. Raises ModelError, naming the layer, for
    what has no counterpart in ONNX.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *shape), tf.float32, name=NETWORK_INPUT_NAME)]
    function = tf.function(lambda x: tf.cast(call(x), tf.float32), input_signature=signature, autograph=False)
    try:
        with log_level_kept(), _inner_functions_traced():
            concrete = function.get_concrete_function()
        converted = _convert(function, signature)
    except (TypeError, ValueError, RuntimeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
        raise ModelError(f"the network cannot be converted: {_reason(error, layers)}") from None
    _fill_captured(converted.graph, concrete)
    require_exportable(converted.graph, layers)
    # Its one form comes first, so that onnxruntime meets the nodes in the same order in every process.
    optimised = optimise(canonicalise(without_idle_reshapes(canonicalise(converted, units)), units), "the network")
    return canonicalise(optimised, units)


@contextmanager
def _inner_functions_traced() -> Iterator[None]:
    """Let a function that is traced take in what its inner functions do, compiled ones (grouped convolutions) too."""
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _convert(function: Any, signature: list[Any]) -> onnx.ModelProto:
    """Return the ONNX of a function, converted the lean way if that works.

    tf2onnx copies the whole graph before each of its dozen optimisations, in case one fails; without that, vgg16, half
    a gigabyte of weights, takes 14 GB and not 20. Where one does fail, it is done again with the copies.
    """
    tf2onnx = import_tf2onnx()
    options = {"input_signature": signature, "opset": OPSET, "custom_op_handlers": _handlers()}
    model: onnx.ModelProto
    try:
        with lean_conversion():
            model, _ = tf2onnx.convert.from_function(function, **options)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError):
        model, _ = tf2onnx.convert.from_function(function, **options)
    return model


def _handlers() -> dict[str, Any]:
    """Return converters for operators of TensorFlow that tf2onnx lacks, each from operators that ONNX has."""

    def one_less(inner: str, sign: int) -> Any:
        """Return a converter to `inner`(x) - 1, times `sign`."""

        def convert(ctx: Any, node: Any, name: str, args: Any) -> None:  # noqa: ARG001 # tf2onnx's form
            kind, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
            one = ctx.make_const(f"{name}/one", np.array(1, np.float32)).output[0]
            value = ctx.make_node(inner, [node.input[0]], dtypes=[kind], shapes=[shape]).output[0]
            ctx.remove_node(node.name)
            pair = [value, one] if sign > 0 else [one, value]
            ctx.make_node("Sub", pair, name=name, outputs=node.output, dtypes=[kind], shapes=[shape])

        return convert

    def log1p(ctx: Any, node: Any, name: str, args: Any) -> None:  # noqa: ARG001 # tf2onnx's form
        kind, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
        one = ctx.make_const(f"{name}/one", np.array(1, np.float32)).output[0]
        value = ctx.make_node("Add", [node.input[0], one], dtypes=[kind], shapes=[shape]).output[0]
        ctx.remove_node(node.name)
        ctx.make_node("Log", [value], name=name, outputs=node.output, dtypes=[kind], shapes=[shape])

    return {"Erfc": (one_less("Erf", -1), []), "Expm1": (one_less("Exp", 1), []), "Log1p": (log1p, [])}


def _fill_captured(graph: onnx.GraphProto, concrete: Any) -> None:
    """Give the graph the tensors that the traced function holds, which tf2onnx leaves among its inputs, in place."""
    held = dict(zip([value.name for value in concrete.inputs[1:]], concrete.captured_inputs, strict=True))
    for value in list(graph.input):
        if value.name in held:
            graph.initializer.append(numpy_helper.from_array(held[value.name].numpy(), value.name))
            graph.input.remove(value)


def import_tf2onnx() -> ModuleType:
    """Return tf2onnx, silent: what it cannot convert is found in what it returns, and told in one line."""
    with log_level_kept():  # which it sets
        import tf2onnx
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    module: ModuleType = tf2onnx
    return module


@contextmanager
def lean_conversion() -> Iterator[None]:
    """Let tf2onnx convert large networks without copying them; environment and tf2onnx are as they were behind it.

    Besides the copies for failures, each of its optimisations writes every weight into its node's message again, which
    protobuf does not let go of as long as the node lives. Constants, whose messages it does not use (it makes
    initialisers of their values), are left out by putting another method in place; a comparison of the file with the
    source would find it out if that were wrong.
    """
    from tf2onnx.graph import Node

    update, before = Node.update_proto, os.environ.get(STRICT_VARIABLE)

    def update_unless_constant(self: Any, *arguments: Any, **options: Any) -> None:
        if not self.is_const():
            update(self, *arguments, **options)

    os.environ[STRICT_VARIABLE] = "FALSE"
    Node.update_proto = update_unless_constant
    try:
        yield
    finally:
        Node.update_proto = update
        os.environ.pop(STRICT_VARIABLE, None)
        if before is not None:
            os.environ[STRICT_VARIABLE] = before


def _reason(error: Exception, layers: dict[str, str]) -> str:
    """Return one line on why tracing or conversion failed, with the layer where Keras says its class."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    if match := re.search(r"calling (\w+)\.call", lines[0]):
        names = " or ".join(repr(name) for name, kind in layers.items() if kind == match[1])
        return f"the layer {names} ({match[1]}) fails: {(lines[1:] or ['it says no more'])[0]:.200}"
    return f"{lines[0]:.200}"
