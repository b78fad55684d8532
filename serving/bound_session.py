"""A session whose inputs lie on its device already: one buffer for every size of a batch, filled anew each time.

It exists because `run` allocates on the device, copies, and frees for every batch. With fixed sizes the buffers
stay, and onnxruntime writes nothing to the host but the answers (ONNX Runtime: I/O binding).
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime import import_onnxruntime

# What the memory of both GPU providers is called.
CUDA_DEVICE = "cuda"
HOST = "cpu"


class BoundSession:
    """Answers as the session in it does, one run at a time; any number of threads may ask."""

    def __init__(self, session: Any, device: str, device_id: int = 0) -> None:
        self._onnxruntime = import_onnxruntime()
        self._session = session
        self._device = (device, device_id)
        self._lock = threading.Lock()
        self._bound: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def get_providers(self) -> list[str]:
        """Return the providers of the session."""
        found: list[str] = self._session.get_providers()
        return found

    def run(self, outputs: Sequence[str], feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return `outputs` for the one input in `feeds`, as onnxruntime's `run` does. Raises what it raises."""
        ((name, batch),) = feeds.items()
        with self._lock:
            if batch.shape not in self._bound:
                self._bound[batch.shape] = self._bind(outputs, name, batch)
            binding, buffer = self._bound[batch.shape]
            buffer.update_inplace(np.ascontiguousarray(batch))
            self._session.run_with_iobinding(binding)
            # A copy: the next run of this size writes to the same place.
            return [np.array(value.numpy()) for value in binding.get_outputs()]

    def _bind(self, outputs: Sequence[str], name: str, batch: NDArray[np.float32]) -> tuple[Any, Any]:
        buffer = self._onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(batch), *self._device)
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(name, buffer)
        for output in outputs:
            binding.bind_output(output, HOST)
        return binding, buffer
