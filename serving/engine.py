"""The engine: one warm model behind an asynchronous call.

It exists so that the HTTP layer does not know how pictures reach the model: decoded and prepared one by one
on a pool of threads, or on the spot where they are small and few, then through the network in small batches of whatever
is waiting.
"""

import asyncio
import io
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Classifier, make_finder, require_self_test
from edge.errors import EyespotError, ImageError, reason_of
from edge.fingerprint import measure
from edge.image import DecodedImage, decode_image, read_header
from edge.model import spec_of
from edge.result import Classification
from edge.spec import ModelSpec
from edge.steps import Step, largest_result, require_preparable
from serving.batcher import MicroBatcher
from serving.drift_window import DriftWindow
from serving.halves import fastest_s, load_halves, warm_up
from serving.job import Answer, Job
from serving.pool import Pool
from serving.providers import CPU

if TYPE_CHECKING:
    from edge.regions.finder import RegionFinder

# Small pictures are worked on at once, on the event loop's own thread, where they are few, no larger than this, and
# the network takes no longer. To wake another thread for each was measured to cost 5 to 14 % of all processor time
# with 16 connections, and 1 ms of 3 with one.
AT_ONCE_PIXELS = 640 * 480
AT_ONCE_S = 0.003
# Nobody else is answered meanwhile, so it must be sure to be decoded soon: a small file can ask for much.
AT_ONCE_BYTES = 1 << 18
AT_ONCE_FORMATS = frozenset({"JPEG", "PNG"})


class EngineError(EyespotError, RuntimeError):
    """A picture that was good and that the runtime still could not answer."""


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
        drift_window: int = 1000,
    ) -> None:
        """Load the artifact whose bytes are `content`, and warm it up in every size of a batch.

        Raises ModelError for the file, InstallationError for the provider, ParityError if it does not answer
        here as the original network did.
        """
        self.spec: ModelSpec = spec_of(content, source)
        self.provider = provider
        self._places = {label: place for place, label in enumerate(self.spec.labels)}
        self._halves = warm_up(load_halves(content, source, provider, threads, max_batch), source)
        self._finder = make_finder(self.spec)
        self._classifier = Classifier(self.spec, self._halves, finder=self._finder)
        require_self_test(self.spec, self._classifier.probabilities, source)
        self.window = DriftWindow(self.spec.fingerprint, drift_window) if self.spec.fingerprint else None
        self._pool = pool
        self._max_pixels = max_pixels
        # Several threads would work side by side; a GPU is waited for, and a search for regions takes long.
        self._may_at_once = provider == CPU and pool.threads == 1 and not self._finder and self._is_quick()
        # A GPU takes the next size and zeros for less than a CPU takes two smaller ones.
        sizes = self._halves.sizes if provider == CPU else range(1, self._halves.most + 1)
        self._batcher = MicroBatcher[Job](self._run_network, sizes, max_wait_s)

    def _is_quick(self) -> bool:
        return fastest_s(self._halves, [self._halves.prepare(np.zeros((8, 8, 3), np.uint8))]) <= AT_ONCE_S

    def submit(self, encoded: bytes, *, at_once: bool = False) -> "asyncio.Future[Answer]":
        """Return the future answer for the bytes of one image file. It raises ImageError, or EngineError.

        Cancelling it takes the picture out of the queue. Whoever knows that few others are on their way says
        `at_once`: a small picture is then prepared before this returns, and goes through the network, with those that
        came at the same time, as soon as the event loop has gone round.
        """
        job = Job(lambda: decode_image(encoded, self._max_pixels))
        return self._start(job, at_once and self._may_at_once and _is_small(encoded, self.spec.preprocessing))

    def submit_pixels(self, pixels: NDArray[np.uint8], *, at_once: bool = False) -> "asyncio.Future[Answer]":
        """Return the future answer for one picture, uint8 RGB [H, W, 3]."""
        job = Job(lambda: DecodedImage(pixels, None))
        is_small = pixels.size <= AT_ONCE_PIXELS * 3 and _is_soon(self.spec.preprocessing, *pixels.shape[:2])
        return self._start(job, at_once and self._may_at_once and is_small)

    def watch(self, answer: Answer, classification: Classification) -> None:
        """Take one answer up into the window of drift. It belongs to the event loop's thread."""
        if self.window is None:
            return
        ranked = [region.predictions for region in classification.regions or ()] or [classification.predictions]
        for measures, (best, *_) in zip(answer.measures, ranked, strict=False):
            self.window.add(measures, best.probability, self._places[best.label])

    def close(self, within_s: float | None = None) -> None:
        """End the engine once all that was submitted is answered, or leave it after `within_s`; its pool goes on."""
        self._batcher.close(within_s)

    def _start(self, job: Job, at_once: bool) -> "asyncio.Future[Answer]":
        self._batcher.expect()
        if at_once:
            self._prepare(job, leads=False)
            job.loop.call_soon(self._batcher.lead)  # the first of those that came together leads for all
        else:
            job.future.add_done_callback(job.forget_if_cancelled)
            self._pool.run(lambda: self._prepare(job))
        return job.future

    def _prepare(self, job: Job, *, leads: bool = True) -> None:
        read = job.read
        if read is None or job.future.cancelled():
            self._batcher.drop()
            return
        try:
            job.mark()
            decoded = read()
            job.mark()
            job.note = decoded.note
            if self._finder:  # one picture gives any number of crops, each through the network by itself
                self._answer_regions(job, decoded, self._finder)
                self._batcher.drop()
                return
            height, width, _ = decoded.pixels.shape
            require_preparable(self.spec.preprocessing, height, width, self._max_pixels)
            if self.window is not None:
                job.measures = (measure(decoded.pixels),)
            job.tensor = self._halves.prepare(decoded.pixels)
            job.mark()
        except EyespotError as error:
            job.fail(error)
            self._batcher.drop()
        except Exception as error:  # noqa: BLE001 # whatever it is, it is this picture's alone
            job.fail(EngineError(f"the picture could not be prepared ({reason_of(error)})"))
            self._batcher.drop()
        else:
            self._batcher.put(job, leads=leads)

    def _answer_regions(self, job: Job, decoded: DecodedImage, finder: "RegionFinder") -> None:
        classification = self._classifier.classify(decoded, None)
        if self.window is not None:
            crops = (finder.crop(decoded.pixels, region.box) for region in classification.regions or ())
            job.measures = tuple(map(measure, crops))
        job.mark()
        job.finish_regions(classification)

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
                jobs[0].fail(EngineError(f"the model could not be run ({reason_of(error)})"))
                return
            for job in jobs:  # one of them may be to blame; the others shall not pay for it
                self._run_network([job])
            return
        for job, probabilities in zip(jobs, answers, strict=True):
            job.finish(probabilities, len(jobs))


def _is_small(encoded: bytes, steps: tuple[Step, ...]) -> bool:
    if len(encoded) > AT_ONCE_BYTES:
        return False
    try:
        header = read_header(io.BytesIO(encoded))
    except ImageError:
        return False
    is_quick = header.format in AT_ONCE_FORMATS and not header.progressive
    return is_quick and header.width * header.height <= AT_ONCE_PIXELS and _is_soon(steps, header.height, header.width)


def _is_soon(steps: tuple[Step, ...], height: int, width: int) -> bool:
    """Whether a picture is soon prepared, as it is or on its side."""
    return all(largest_result(steps, *sides) <= 4 * AT_ONCE_PIXELS for sides in ((height, width), (width, height)))
