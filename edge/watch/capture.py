"""Sources and their frames. OpenCV reads cameras and streams, of which the newest frame counts, and video files.

A thread reads a live source at its own rate, so that a slow model drops frames and does not lag behind. A source that
goes away is opened again, after ever longer pauses; meanwhile there are no frames.
"""

import glob
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic

import cv2
import numpy as np

from edge.errors import ImageError, SourceError
from edge.image import DecodedImage

TIMEOUT_MS = 5000  # a stream that does not open, or sends nothing, for this long is lost
LIMITS = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
FAILURES_OF_A_LOST_SOURCE = 5  # in a row; a camera may give one damaged frame
TICK_S = 0.1
READS_PAST_DAMAGE = 300  # then a video is at its end: after damage, decoding resumes at the next keyframe
EXACT_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi"})  # containers that list their frames

Say = Callable[[str], None]


@dataclass(frozen=True)
class Frame:
    """One frame, or one file of a folder, with an `error` where it cannot be decoded; `position_s` is that in a video.

    `number` counts from 0, with the frames that were left out. `taken_s` is its arrival on the monotonic clock.
    """

    number: int
    image: DecodedImage | None
    position_s: float | None = None
    path: str | None = None
    error: ImageError | None = None
    taken_s: float = field(default_factory=monotonic)
    timestamp: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z")


class Source(ABC):
    """Gives frames of `target`, one in `every_s` seconds; `fps` is its own rate, 0 if unknown.

    Messages show it as `name`. A `live` source goes on whether frames are taken or not; `connected` says that it is
    there now. Frames are counted as `read`, and of these as `skipped` for --every, `dropped` for a newer one, or
    `broken`; `lost` counts how often the source went away.
    """

    live = connected = True
    fps = 0.0

    def __init__(self, target: str, name: str, every_s: float, say: Say) -> None:
        self.target, self.name, self.say, self._every_s = target, name, say, every_s
        self.read = self.skipped = self.dropped = self.broken = self.lost = 0
        self._due_s: float | None = None

    @abstractmethod
    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield frames until the source ends or `stop` is set, then release it. Raises SourceError."""

    def wants(self, at_s: float) -> bool:
        """Return whether it is time for the frame at `at_s`, on any clock; if not, count it as skipped."""
        due_s = at_s if self._due_s is None else self._due_s
        # A little early is on time, or of 30 frames a second every 0.1 s would give one in 0.133 s.
        if at_s < due_s - self._every_s / 10:
            self.skipped += 1
            return False
        # From when it was due, so that the rate holds on average, but without catching up after a pause.
        self._due_s = max(due_s, at_s - self._every_s) + self._every_s
        return True

    def status(self, frame: Frame, state: str) -> dict[str, object]:
        """Return the text below the last `frame` on the live page, and whether the source is lost."""
        text = state if self.connected else f"no connection; this picture is of {frame.timestamp[11:19]} UTC"
        return {"text": text, "lost": not self.connected}


@contextmanager
def opened(source: Source) -> Iterator[cv2.VideoCapture]:
    """Yield the open camera, stream or video. Raises SourceError."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # it would log each damaged frame
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    target = source.target
    number = target.removeprefix("/dev/video")
    if not source.live or "://" in target:
        capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG, LIMITS)
    elif number.isdecimal():
        capture = cv2.VideoCapture(int(number))
    else:
        capture = cv2.VideoCapture(target, cv2.CAP_V4L2)
    try:
        if not capture.isOpened():
            reason = "this is no video that OpenCV can read"
            if "://" in target:
                reason = "this stream cannot be opened; is the address right, and does the camera answer?"
            elif source.live:
                cameras = ", ".join(glob.glob("/dev/video*")) or "none"
                reason = f"{target} gives no pictures; is it in use, or is the user not in the group 'video'? "
                reason += f"Cameras here: {cameras}"
            raise SourceError(f"{source.name}: {reason}")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # no old frames
        yield capture
    finally:
        capture.release()


def _read(capture: cv2.VideoCapture) -> DecodedImage | None:
    """Return the next frame; None where there is none, or it cannot be decoded."""
    try:
        found, bgr = capture.read()
        return DecodedImage(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), None) if found else None
    except cv2.error:  # also for a picture without pixels
        return None


class VideoSource(Source):
    """The frames of a video file, in order. What cannot be decoded is counted."""

    live = False

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the frames; see `Source`."""
        failures = 0
        with opened(self) as capture:
            self.fps = capture.get(cv2.CAP_PROP_FPS)
            while failures < READS_PAST_DAMAGE and not stop.is_set():
                if (image := _read(capture)) is None:
                    failures += 1
                    continue
                self.broken += failures
                self.read, failures = self.read + 1, 0
                position_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if self.wants(position_s):
                    yield Frame(self.read - 1, image, position_s)
            if not stop.is_set() and Path(self.target).suffix.lower() in EXACT_SUFFIXES:
                self.broken = max(self.broken, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) - self.read)
        if not self.read and not stop.is_set():
            raise SourceError(f"{self.name}: not one frame of this video can be decoded")


class LiveSource(Source):
    """The newest frames of a camera or a stream; see the module."""

    connected = False
    _newest: Frame | None = None
    _failure: SourceError | None = None

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the newest frame each time; see `Source`."""
        self._changed, self._closing = Condition(), Event()
        thread = Thread(target=self._grab, name="eyespot-grabber", daemon=True)
        thread.start()
        try:
            while not stop.is_set():
                alive = thread.is_alive()
                with self._changed:
                    self._changed.wait_for(lambda: self._newest, TICK_S)
                    frame, self._newest = self._newest, None
                if frame:
                    yield frame
                elif not alive:
                    raise self._failure or SourceError(f"{self.name}: reading it came to an unexpected end")
        finally:
            self._closing.set()
            thread.join(2 * TIMEOUT_MS / 1000)  # it releases the source once its read is over
            self.dropped += self._newest is not None

    def _grab(self) -> None:
        """Open the source again and again, and read it while it lasts; one that never gave a frame fails."""
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            before, failures = self.read, 0
            try:
                with opened(self) as capture:
                    self.fps, last_s = capture.get(cv2.CAP_PROP_FPS), monotonic()
                    while failures < FAILURES_OF_A_LOST_SOURCE and monotonic() - last_s < TIMEOUT_MS / 1000:
                        image = _read(capture)
                        if self._closing.is_set():
                            return
                        if image:
                            last_s = self._take(image, failures)
                        failures = 0 if image else failures + 1
                self._failure = SourceError(f"{self.name}: no pictures come; is another program using it?")
            except SourceError as error:
                self._failure = error
            if not self.read:
                return
            self.lost += self.connected
            self.connected = False
            pause_s = FIRST_PAUSE_S if self.read > before else min(pause_s * 2, LONGEST_PAUSE_S)
            self.say(f"{self.name}: no connection; trying again in {pause_s:g} s")
            self._closing.wait(pause_s)

    def _take(self, image: DecodedImage, failures: int) -> float:
        """Make `image`, read after so many `failures`, the newest frame, and return when it came."""
        if not self.connected and self.read:
            self.say(f"{self.name}: connected again")
        frame, self.connected = Frame(self.read, image), True
        self.broken += failures
        self.read += 1
        if self.wants(frame.taken_s):
            with self._changed:
                self.dropped += self._newest is not None
                self._newest = frame
                self._changed.notify()
        return frame.taken_s
