"""Run onnxruntime sessions and turn their exceptions into ours, for networks that somebody else made."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME
from edge.errors import ModelError, reason_of
from edge.runtime import create_session
from export.parity.compare import OfPictures


def run_session(session: Any, output: str, inputs: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Return one output of a session; `name` stands in messages. Raises ModelError if the model cannot run."""
    try:
        result: NDArray[np.float32] = session.run([output], inputs)[0]
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        shapes = ", ".join(str(list(array.shape)) for array in inputs.values())
        reason = reason_of(error)
        raise ModelError(f"{name}: the model fails on an input {shapes} ({reason:.200})") from None
    return result


def of_pictures(model: onnx.ModelProto, output: str, name: str) -> OfPictures:
    """Return the function that runs `model` from `image` to `output`; `name` stands in messages.

    Raises ModelError if onnxruntime refuses the model, and so does the function if it cannot run.
    """
    session = create_session(model.SerializeToString(), name)

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run_session(session, output, {INPUT_NAME: images}, name)

    return run
