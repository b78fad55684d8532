"""Run graphs with onnxruntime: networks on arrays, whole models on pictures, and onnxruntime's own optimisation."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.errors import ModelError, reason_of
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME, OUTPUT_NAME
from edge.runtime import LOG_ERRORS_ONLY, create_session, import_onnxruntime

# From uint8 RGB [N, H, W, 3] to what a network takes, or to what it gives.
OfPictures = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

BATCH = 32


def run_session(session: Any, output: str, inputs: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Return one output of a session. Raises ModelError, which `name` begins, if the model cannot run."""
    try:
        result: NDArray[np.float32] = session.run([output], inputs)[0]
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        shapes = ", ".join(str(list(array.shape)) for array in inputs.values())
        raise ModelError(f"{name}: the model fails on an input {shapes} ({reason_of(error):.200})") from None
    return result


def of_pictures(model: onnx.ModelProto, output: str, name: str) -> OfPictures:
    """Return the function that runs `model` from `image` to `output`; `name` begins messages.

    Raises ModelError if onnxruntime refuses the model; so does the function if the model cannot run.
    """
    session = create_session(model.SerializeToString(), name)
    return lambda images: run_session(session, output, {INPUT_NAME: images}, name)


def answers(network: onnx.ModelProto, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities [N, classes] of `network` for `images`, float32 [N, h, w, c], at least one.

    Raises ModelError if onnxruntime refuses the network.
    """
    session = create_session(network.SerializeToString(), "network")
    batch = fixed_batch(network) or BATCH
    batches = (images[i : i + batch] for i in range(0, len(images), batch))
    return np.concatenate([run_session(session, OUTPUT_NAME, {NETWORK_INPUT_NAME: b}, "network") for b in batches])


def fixed_batch(network: onnx.ModelProto) -> int:
    """Return how many pictures a network takes at once, 0 for any number."""
    return int(network.graph.input[0].type.tensor_type.shape.dim[0].dim_value)


def optimise(network: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return `network` after onnxruntime's BASIC optimisation: standard ONNX, the same on every processor.

    It folds constants and normalisations, drops identity nodes and moves transposes out of the way. Raises ModelError,
    which `name` begins, if onnxruntime refuses the network.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "network.onnx"), Path(folder, "optimised.onnx")
        options.optimized_model_filepath = str(result)
        try:
            onnx.save(network, source)
        except OSError as error:  # a full disk; Python does not name the file
            raise OSError(error.errno, error.strerror, str(source)) from None
        try:
            onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
            raise ModelError(f"{name}: onnxruntime cannot load this network ({reason_of(error):.200})") from None
        return onnx.load(result)
