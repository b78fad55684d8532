"""Convert a Keras model to ONNX, and weld the preprocessing graph in front of it."""

import logging
from typing import TYPE_CHECKING

import onnx
from onnx import helper

from edge.artifact import INPUT_NAME, OUTPUT_NAME, SEAM_NAME
from edge.errors import UsageError
from export.canonical import canonicalise
from export.passes import clean
from export.preprocessing import OPSET, make_model
from export.quiet_tensorflow import log_level_kept, start_tensorflow

if TYPE_CHECKING:
    import keras


def convert_network(model: "keras.Model") -> onnx.ModelProto:
    """Return the ONNX of a Keras model, from `network_input` float32 [N, h, w, c] to `probabilities` [N, classes].

    Raises UsageError if the model does not take one image or does not end in one row of classes.
    """
    start_tensorflow()
    import tensorflow as tf

    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise UsageError(f"a classifier must have one input and one output [N, classes]. Received: {model.name!r}")
    signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name=SEAM_NAME)]
    # tf2onnx's own from_keras does not know Keras 3; the traced function is the same mathematics.
    function = tf.function(lambda x: model(x, training=False), input_signature=signature, autograph=False)
    with log_level_kept():  # which tf2onnx sets
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        converted, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    classes = int(model.outputs[0].shape[1])
    # Its one form comes first, so that the passes meet the nodes in the same order in every process.
    return canonicalise(clean(canonicalise(converted, classes)), classes)


def weld(preprocessing: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """Return one model, `image` to `probabilities`, in which `network_input` is an inner tensor.

    Both parts name their own tensors apart, so that the seam is the only name they share. Raises UsageError
    if what one hands over is not what the other takes.
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
    model = make_model(graph)
    onnx.checker.check_model(model, full_check=True)
    return model
