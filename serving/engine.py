"""The engine: one warm model behind an asynchronous call.

It exists so that the HTTP layer does not know how pictures reach the model: decoded and prepared one by one
on a pool of threads, then through the network in small batches of whatever is waiting.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import sub

import numpy as np
from numpy.typing import NDArray

from edge.artifact import spec_of
from edge.classifier import Classification, Classifier, conclude
from edge.decode import DecodedImage, decode_image
from edge.errors import EyespotError
from edge.regions.finder import RegionFinder
from edge.self_test import require_self_test
from edge.spec import ModelSpec
from serving.batcher import MicroBatcher
from serving.halves import Halves, Tensor
from serving.pool import Pool
from serving.providers import CPU


class EngineError(EyespotError, RuntimeError):
    """A picture that was good and that the runtime still could not answer."""


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

    A model of regions has `regions`, the whole answer, in place of probabilities.
    """

    probabilities: NDArray[np.float32]
    note: str | None
    timing: Timing
    regions: Classification | None = None

    def classify(self, spec: ModelSpec, top_k: int) -> Classification:
        """Return what the answer means, with the `top_k` best predictions for the picture or for each region."""
        if self.regions is None:
            return conclude(spec, self.probabilities, top_k, self.note)
        found = tuple(replace(r, predictions=r.predictions[:top_k]) for r in self.regions.regions or ())
        return replace(self.regions, regions=found)


class Job:
    """One picture on its way through the engine."""

    def __init__(self, read: Callable[[], DecodedImage]) -> None:
        self.read = read
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Answer] = self.loop.create_future()
        self.note: str | None = None
        self.tensor: Tensor
        self.marks = [time.perf_counter()]

    def mark(self) -> None:
        """Note that one more stage is over."""
        self.marks.append(time.perf_counter())

    def finish(self, probabilities: NDArray[np.float32], batch_size: int) -> None:
        """Hand the answer to whoever waits for it."""
        self.mark()
        queue, decode, preprocess, wait, inference = map(sub, self.marks[1:], self.marks)
        answer = Answer(probabilities, self.note, Timing(queue, decode, preprocess, wait, inference, batch_size))
        self._deliver(lambda: self.future.set_result(answer))

    def finish_regions(self, classification: Classification) -> None:
        """Hand over the answer of a model of regions, whose search and network are one stage."""
        queue, decode, inference = map(sub, self.marks[1:], self.marks)
        timing = Timing(queue, decode, 0.0, 0.0, inference, max(1, len(classification.regions or ())))
        answer = Answer(np.empty(0, np.float32), classification.note, timing, classification)
        self._deliver(lambda: self.future.set_result(answer))

    def fail(self, error: Exception) -> None:
        """Hand the error to whoever waits."""
        self._deliver(lambda: self.future.set_exception(error))

    def _deliver(self, hand_over: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not self.future.done():
                hand_over()

        with suppress(RuntimeError):  # the loop was closed, so nobody waits
            self.loop.call_soon_threadsafe(unless_cancelled)


class Engine:
    """A model that has passed its own self-test in the very sessions that serve it."""

    def __init__(
        self,
        content: bytes,
        source: str,
        pool: Pool,
        *,
        max_pixels: int,
        provider: str = CPU,
        threads: int = 1,
        max_batch: int = 16,
        max_wait_s: float = 0.002,
    ) -> None:
        """Load the artifact whose bytes are `content`, and warm it up in every size of a batch.

        Raises ModelError for the file, InstallationError for the provider, ParityError if it does not answer
        here as the original network did.
        """
        self.spec: ModelSpec = spec_of(content, source)
        self.provider = provider
        self._halves = Halves.load(content, source, provider, threads, max_batch).warmed_up(source)
        finder = RegionFinder(self.spec.regions, None) if self.spec.regions else None
        self._classifier = Classifier(self.spec, self._halves, finder=finder)
        require_self_test(self._classifier, source)
        self._pool = pool
        self._max_pixels = max_pixels
        sizes = range(1, self._halves.sizes[-1] + 1) if self._halves.pads else self._halves.sizes
        self._batcher = MicroBatcher[Job](self._run_network, sizes, max_wait_s)

    def submit(self, encoded: bytes) -> "asyncio.Future[Answer]":
        """Return the future answer for the bytes of one image file. It raises ImageError, or EngineError.

        Cancelling it takes the picture out of the queue.
        """
        return self._start(Job(lambda: decode_image(encoded, self._max_pixels)))

    def submit_pixels(self, pixels: NDArray[np.uint8]) -> "asyncio.Future[Answer]":
        """Return the future answer for one picture, uint8 RGB [H, W, 3]."""
        return self._start(Job(lambda: DecodedImage(pixels, None)))

    def close(self) -> None:
        """End the engine once all that was submitted is answered; the pool is not its own and goes on."""
        self._batcher.close()

    def _start(self, job: Job) -> "asyncio.Future[Answer]":
        self._batcher.expect()
        self._pool.run(lambda: self._prepare(job))
        return job.future

    def _prepare(self, job: Job) -> None:
        if job.future.cancelled():
            self._batcher.drop()
            return
        try:
            job.mark()
            decoded = job.read()
            job.mark()
            job.note = decoded.note
            if self.spec.regions:  # one picture gives any number of crops, each through the network by itself
                classification = self._classifier.classify(decoded)
                job.mark()
                job.finish_regions(classification)
                self._batcher.drop()
                return
            job.tensor = self._halves.prepare(decoded.pixels)
            job.mark()
        except EyespotError as error:
            job.fail(error)
            self._batcher.drop()
        except Exception as error:  # noqa: BLE001 # whatever it is, it is this picture's alone
            job.fail(EngineError(f"the picture could not be prepared ({_first_line(error)})"))
            self._batcher.drop()
        else:
            self._batcher.put(job)

    def _run_network(self, jobs: Sequence[Job]) -> None:
        jobs = [job for job in jobs if not job.future.cancelled()]
        if not jobs:
            return
        for job in jobs:
            job.marks[4:] = [time.perf_counter()]
        try:
            answers = self._halves.answer([job.tensor for job in jobs])
        except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
            if len(jobs) == 1:
                jobs[0].fail(EngineError(f"the model could not be run ({_first_line(error)})"))
                return
            for job in jobs:  # one of them may be to blame; the others shall not pay for it
                self._run_network([job])
            return
        for job, probabilities in zip(jobs, answers, strict=True):
            job.finish(probabilities, len(jobs))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
