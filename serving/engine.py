"""The engine: one warm model behind an asynchronous call.

It exists so that the HTTP layer does not know how images reach the model.
"""

import gc
import os
from pathlib import Path

import anyio
import anyio.to_thread

from edge.classifier import Classification, Classifier
from edge.self_test import require_self_test
from edge.spec import ModelSpec


class Engine:
    """A model that has passed its own self-test on this machine, shared by all requests of a process."""

    def __init__(self, model: Path, max_pixels: int) -> None:
        """Load `model` and warm it up.

        Raises ModelError for the file, ParityError if it does not answer here as the original network did.
        """
        self._classifier = Classifier.load(model)
        self._max_pixels = max_pixels
        # Decoding and inference release the GIL; more threads than cores would only queue for them.
        self._limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
        require_self_test(self._classifier, str(model))  # which warms it up as well
        # BentoML's imports are a large heap that never changes; walking it makes the slowest requests.
        gc.collect()
        gc.freeze()

    @property
    def spec(self) -> ModelSpec:
        """The spec of the model."""
        return self._classifier.spec

    async def classify(self, encoded: bytes, top_k: int) -> Classification:
        """Return the `top_k` best predictions for the bytes of one image file. Raises ImageError."""
        return await anyio.to_thread.run_sync(
            self._classifier.classify, encoded, top_k, self._max_pixels, limiter=self._limiter
        )
