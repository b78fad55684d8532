"""One picture on its way through the engine, and what comes out at its end."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import sub

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.fingerprint import PictureMeasures
from edge.image import DecodedImage
from edge.result import Classification, postprocess
from edge.spec import ModelSpec
from serving.halves import Tensor


@dataclass(frozen=True)
class Timing:
    """Where the time of one picture went, in seconds, and how many shared its run of the network."""

    queue_s: float
    decode_s: float
    preprocess_s: float
    wait_s: float
    inference_s: float
    batch_size: int


@dataclass(frozen=True)
class Answer:
    """Probabilities float32 [classes] of one picture, the decoder's note, and the timing.

    A model of regions has `regions`, the whole answer, in place of probabilities. `measures` are of what went
    through the model: of the picture, or of each crop; there are none where nothing is watched.
    """

    probabilities: NDArray[np.float32]
    note: str | None
    timing: Timing
    regions: Classification | None = None
    measures: tuple[PictureMeasures, ...] = ()

    def classify(self, spec: ModelSpec, top_k: int) -> Classification:
        """Return what the answer means, with the `top_k` best predictions for the picture or for each region."""
        if self.regions is None:
            threshold = spec.reject_threshold or 0.0
            return Classification(*postprocess(spec.labels, self.probabilities, threshold, top_k), self.note)
        found = tuple(msgspec.structs.replace(r, predictions=r.predictions[:top_k]) for r in self.regions.regions or ())
        return msgspec.structs.replace(self.regions, regions=found)


async def outcomes(futures: "Sequence[asyncio.Future[Answer]]") -> list[Answer | BaseException]:
    """Return the answers, or in their places what was raised; cancelling it cancels all."""
    if len(futures) != 1:
        return await asyncio.gather(*futures, return_exceptions=True)
    try:  # to gather a single one takes twenty times as long
        return [await futures[0]]
    except Exception as error:  # noqa: BLE001 # it is returned
        return [error]


class Job:
    """One picture on its way through the engine."""

    def __init__(self, read: Callable[[], DecodedImage]) -> None:
        self.read: Callable[[], DecodedImage] | None = read
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.future: asyncio.Future[Answer] = self.loop.create_future()
        self.note: str | None = None
        self.tensor: Tensor
        self.measures: tuple[PictureMeasures, ...] = ()
        self.marks = [time.perf_counter()]

    def forget_if_cancelled(self, future: "asyncio.Future[Answer]") -> None:
        """Let the bytes of a picture go that nobody waits for; the job itself stays in its queue."""
        if future.cancelled():
            self.read = None

    def mark(self) -> None:
        """Note that one more stage is over."""
        self.marks.append(time.perf_counter())

    def finish(self, probabilities: NDArray[np.float32], batch_size: int) -> None:
        """Hand the answer to whoever waits for it."""
        self.mark()
        queue, decode, preprocess, wait, inference = map(sub, self.marks[1:], self.marks)
        timing = Timing(queue, decode, preprocess, wait, inference, batch_size)
        answer = Answer(probabilities, self.note, timing, None, self.measures)
        self._deliver(lambda: self.future.set_result(answer))

    def finish_regions(self, classification: Classification) -> None:
        """Hand over the answer of a model of regions, whose search and network are one stage."""
        queue, decode, inference = map(sub, self.marks[1:], self.marks)
        timing = Timing(queue, decode, 0.0, 0.0, inference, max(1, len(classification.regions or ())))
        answer = Answer(np.empty(0, np.float32), classification.note, timing, classification, self.measures)
        self._deliver(lambda: self.future.set_result(answer))

    def fail(self, error: Exception) -> None:
        """Hand the error to whoever waits."""
        self._deliver(lambda: self.future.set_exception(error))

    def _deliver(self, hand_over: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not self.future.done():
                hand_over()

        if threading.get_ident() == self.thread:
            unless_cancelled()
            return
        with suppress(RuntimeError):  # the loop was closed, so nobody waits
            self.loop.call_soon_threadsafe(unless_cancelled)
