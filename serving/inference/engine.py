"""The engine: one warm model that answers for the bytes of a picture with a future.

A thread decodes and preprocesses a picture, and runs the network on it. Where a measurement at the start says that
batches pay (a GPU, a small network), it hands it to the micro-batcher instead. One picture's failure is that picture's
alone either way.
"""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import sub
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classifier, make_finder, require_self_test
from edge.errors import EyespotError, ImageError, ModelError, reason_of
from edge.fingerprint import PictureMeasures, measure
from edge.image import DecodedImage, decode_image, read_header
from edge.model import spec_of
from edge.result import Classification, postprocess
from edge.spec import ModelSpec
from edge.steps import require_preparable
from serving.errors import EngineError
from serving.inference.batcher import MicroBatcher
from serving.inference.drift import DriftWindow
from serving.inference.sessions import ModelSessions, Tensor, load_sessions
from serving.settings import Settings

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder

log = logging.getLogger("eyespot.models")

# What decoding and preprocessing took for one pixel of a PNG of 25 megapixels, at their peak.
BYTES_PER_PIXEL = 24
# The warm-up mixes so many different pictures; a sum in another order, in half precision, may change so much.
DISTINCT = 3
SAME_ANSWER = 1e-3
# A batch must be faster than its pictures side by side by this factor, in the best of so many tries.
WORTH_IT = 0.9
TIMED_RUNS = 3
TIMED_BATCH = 8


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

    A model of regions gives `regions`, its whole classification, and no probabilities. `measures` are of the picture
    or of each region, for drift. `leads` is set for one picture of each run of the network.
    """

    probabilities: NDArray[np.float32]
    note: str | None
    timing: Timing
    regions: Classification | None = None
    measures: tuple[PictureMeasures, ...] = ()
    leads: bool = True

    def classify(self, spec: ModelSpec, top_k: int, min_probability: float = 0.0) -> Classification:
        """Return the `top_k` best predictions, of the picture or of each region.

        They are `unsure` below `min_probability`, or below the model's reject threshold where that is higher.
        """
        threshold = max(spec.reject_threshold or 0.0, min_probability)
        if self.regions is None:
            return Classification(*postprocess(spec.labels, self.probabilities, threshold, top_k), self.note)
        found = tuple(
            msgspec.structs.replace(
                region, predictions=region.predictions[:top_k], unsure=region.predictions[0].probability < threshold
            )
            for region in self.regions.regions or ()
        )
        unsure = self.regions.unsure or any(region.unsure for region in found)
        return msgspec.structs.replace(self.regions, regions=found, unsure=unsure)


@dataclass
class Statistics:
    """What an engine has done since it was loaded, as the Open Inference Protocol's statistics have it."""

    successes: int = 0
    failures: int = 0
    executions: int = 0
    queue_s: float = 0.0
    input_s: float = 0.0
    inference_s: float = 0.0
    last_s: float = 0.0


class MemoryBudget:
    """Memory that may be used at once; who wants more than is left waits. Any number of threads may ask."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._used = 0
        self._condition = threading.Condition()

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Hold so much while the block runs. What is larger than the limit waits until it is alone."""
        size = min(size_bytes, self._limit)
        with self._condition:
            self._condition.wait_for(lambda: self._used + size <= self._limit)
            self._used += size
        try:
            yield
        finally:
            with self._condition:
                self._used -= size
                self._condition.notify_all()


class _Job:
    """One picture on its way: its future, the time after each stage, and what the stages made."""

    def __init__(self) -> None:
        self.future: Future[Answer] = Future()
        self.marks = [time.perf_counter()]
        self.note: str | None = None
        self.tensor: Tensor | None = None
        self.measures: tuple[PictureMeasures, ...] = ()

    def mark(self) -> None:
        self.marks.append(time.perf_counter())

    def finish(self, probabilities: Tensor, batch_size: int, leads: bool) -> None:
        self.mark()
        queue, decode, preprocess, wait, inference = map(sub, self.marks[1:], self.marks)
        timing = Timing(queue, decode, preprocess, wait, inference, batch_size)
        _settle(self.future, Answer(probabilities, self.note, timing, None, self.measures, leads))


def _settle(future: "Future[Answer]", found: Answer | Exception) -> None:
    """Give a future its answer or its error, unless it was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)


class Engine:
    """A model that has passed its own self-test in the very sessions that serve it."""

    def __init__(
        self,
        content: bytes,
        source: str,
        pool: ThreadPoolExecutor,
        memory: MemoryBudget,
        settings: Settings,
        *,
        provider: str = "cpu",
        threads: int = 1,
    ) -> None:
        """Load the artifact whose bytes are `content`, and warm it up in every batch size.

        Raises ModelError for the file, InstallationError for the provider, ParityError if it does not answer here as
        the original network did.
        """
        self.spec: ModelSpec = spec_of(content, source)
        self.provider = provider
        self.statistics = Statistics()
        self._indices = {label: index for index, label in enumerate(self.spec.labels)}
        sessions = load_sessions(content, source, provider, threads, settings.max_batch)
        self._sessions = warm_up(sessions, source)
        self._finder = make_finder(self.spec)
        self._classifier = Classifier(self.spec, self._sessions, finder=self._finder)
        require_self_test(self.spec, self._classifier.probabilities, source)
        self.window = DriftWindow(self.spec.fingerprint, settings.drift_window) if self.spec.fingerprint else None
        self._pool = pool
        self._memory = memory
        self._max_pixels = settings.max_pixels
        self.batches = not self._finder and batching_pays(self._sessions, pool)
        # A GPU takes the next size with zeros in less time than a CPU takes two smaller ones.
        sizes = self._sessions.sizes if provider == "cpu" else range(1, self._sessions.sizes[-1] + 1)
        self._batcher = MicroBatcher[_Job](self._run_network, sizes, settings.max_wait_ms / 1000)

    def submit(self, image: bytes | NDArray[np.uint8]) -> "Future[Answer]":
        """Return the future answer for the bytes of one image file, or for uint8 RGB [H, W, 3].

        It raises ImageError, or EngineError. Cancelling it takes the picture out of the queue.
        """
        job = _Job()
        self._batcher.expect()
        work = self._pool.submit(self._work, job, image)

        def forget(future: "Future[Answer]") -> None:
            if future.cancelled() and work.cancel():  # or its thread drops it
                self._batcher.drop()

        job.future.add_done_callback(forget)
        return job.future

    def record(self, answer: Answer, classification: Classification) -> None:
        """Add one answer to the statistics and to the drift window. For the event loop's thread only."""
        timing, statistics = answer.timing, self.statistics
        statistics.successes += 1
        statistics.executions += answer.leads
        statistics.queue_s += timing.queue_s + timing.wait_s
        statistics.input_s += timing.decode_s + timing.preprocess_s
        statistics.inference_s += timing.inference_s
        statistics.last_s = time.time()
        if self.window is None:
            return
        for measures, (best, *_) in zip(answer.measures, classification.answers, strict=False):
            self.window.add(measures, best.probability, self._indices[best.label])

    def close(self, within_s: float | None = None) -> None:
        """End the engine once all that was submitted is answered, or leave it after `within_s`; its pool goes on."""
        self._batcher.close(within_s)

    def _work(self, job: _Job, image: bytes | NDArray[np.uint8]) -> None:
        """Take one picture through decoding and preprocessing, and through the network unless in a batch."""
        try:
            if not job.future.cancelled():
                with self._memory.hold(_size_bytes(image)):
                    self._prepare(job, image)
        except EyespotError as error:
            _settle(job.future, error)
        except Exception as error:  # noqa: BLE001 # whatever it is, it is this picture's alone
            _settle(job.future, EngineError(f"the picture could not be prepared ({reason_of(error)})"))
        if job.future.done() or job.tensor is None:
            self._batcher.drop()
        elif self.batches:
            self._batcher.put(job)
        else:
            self._run_network([job])
            self._batcher.drop()

    def _prepare(self, job: _Job, image: bytes | NDArray[np.uint8]) -> None:
        job.mark()
        decoded = decode_image(image, self._max_pixels) if isinstance(image, bytes) else DecodedImage(image, None)
        job.mark()
        job.note = decoded.note
        if self._finder:  # one picture gives any number of crops, each through the network by itself
            self._answer_regions(job, decoded, self._finder)
            return
        height, width, _ = decoded.pixels.shape
        require_preparable(self.spec.preprocessing, height, width, self._max_pixels)
        if self.window is not None:
            job.measures = (measure(decoded.pixels),)
        job.tensor = self._sessions.prepare(decoded.pixels)
        job.mark()

    def _answer_regions(self, job: _Job, decoded: DecodedImage, finder: "RegionFinder") -> None:
        classification = self._classifier.classify(decoded, None)
        regions = classification.regions or ()
        job.mark()
        queue, decode, inference = map(sub, job.marks[1:], job.marks)
        timing = Timing(queue, decode, 0.0, 0.0, inference, max(1, len(regions)))
        measures: tuple[PictureMeasures, ...] = ()
        if self.window is not None:
            measures = tuple(measure(finder.crop(decoded.pixels, region.box)) for region in regions)
        _settle(job.future, Answer(np.empty(0, np.float32), job.note, timing, classification, measures))

    def _run_network(self, jobs: Sequence[_Job]) -> None:
        """Run the network on some jobs. Where it fails for a batch, each of them gets a run of its own."""
        jobs = [job for job in jobs if not job.future.cancelled()]
        if not jobs:
            return
        for job in jobs:
            job.marks[4:] = [time.perf_counter()]
        try:
            answers = self._sessions.predict([job.tensor for job in jobs if job.tensor is not None])
        except Exception as error:  # noqa: BLE001 # onnxruntime's exceptions share no other base class
            if len(jobs) == 1:
                _settle(jobs[0].future, EngineError(f"the model could not be run ({reason_of(error)})"))
                return
            for job in jobs:
                self._run_network([job])
            return
        for index, (job, probabilities) in enumerate(zip(jobs, answers, strict=True)):
            job.finish(probabilities, len(jobs), index == 0)


def _size_bytes(image: bytes | NDArray[np.uint8]) -> int:
    """Return what it will take to decode and preprocess a picture; nothing for what decoding will refuse."""
    if not isinstance(image, bytes):
        return image.nbytes
    try:
        header = read_header(io.BytesIO(image))
    except ImageError:
        return 0
    return header.width * header.height * BYTES_PER_PIXEL


def warm_up(sessions: ModelSessions, source: str) -> ModelSessions:
    """Return the sessions after a run of every batch size, with the sizes that answer each picture as if alone.

    onnxruntime may add up in another order for another number of rows, and a network may be made for one picture, or
    compute over the whole batch, as dynamic quantisation does: then pictures go one by one. Raises ModelError where
    it cannot answer even one.
    """
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (8, 8, 3), np.uint8) // (1 << i) for i in range(DISTINCT)]
    try:
        tensors = [sessions.prepare(picture) for picture in pictures]
        alone = np.concatenate([sessions.predict([tensor]) for tensor in tensors])
    except Exception as error:  # noqa: BLE001 # onnxruntime's exceptions share no other base class
        raise ModelError(f"{source}: it cannot be run here ({reason_of(error)})") from None
    for size in sessions.sizes[1:]:
        order = [i % DISTINCT for i in range(size)]
        try:
            together = sessions.predict([tensors[i] for i in order])
        except Exception as error:  # noqa: BLE001 # as above
            reason = reason_of(error)
        else:
            if np.allclose(together, alone[order], rtol=0, atol=SAME_ANSWER):
                continue
            reason = "an answer depends on the other pictures of its batch"
        log.warning("%s: pictures go through it one by one (%s)", source, reason)
        return replace(sessions, sizes=(1,))
    return sessions


def batching_pays(sessions: ModelSessions, pool: ThreadPoolExecutor) -> bool:
    """Return whether a batch is faster than its pictures side by side on the pool's threads, measured here and now."""
    size = max(size for size in sessions.sizes if size <= TIMED_BATCH)
    if size == 1:
        return False
    tensor = sessions.prepare(np.zeros((8, 8, 3), np.uint8))

    def fastest_s(run: Callable[[], object]) -> float:
        taken = []
        for _ in range(TIMED_RUNS):
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
        return min(taken)

    together_s = fastest_s(lambda: sessions.predict([tensor] * size))
    apart_s = fastest_s(lambda: list(pool.map(sessions.predict, [[tensor]] * size)))
    log.debug("a batch of %d takes %.4f s, one by one %.4f s", size, together_s, apart_s)
    return together_s < WORTH_IT * apart_s
