"""Run an onnxruntime session and turn its exceptions into ours, for networks that somebody else made."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError, reason_of


def run_session(session: Any, output: str, inputs: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Return one output of a session; `name` stands in messages. Raises ModelError if the model cannot run."""
    try:
        result: NDArray[np.float32] = session.run([output], inputs)[0]
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        shapes = ", ".join(str(list(array.shape)) for array in inputs.values())
        reason = reason_of(error)
        raise ModelError(f"{name}: the model fails on an input {shapes} ({reason:.200})") from None
    return result
