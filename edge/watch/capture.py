"""Cameras, streams and video files, read by OpenCV: of a camera or a stream the newest frame, of a file every one.

A thread reads a live source as fast as it gives, so that a slow model drops frames and never lags behind. A source
that goes away is opened again, after ever longer pauses; meanwhile there are no frames, never an old or a black one.
"""

import glob
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic

import cv2
import numpy as np

from edge.errors import SourceError
from edge.image import DecodedImage
from edge.watch.source import Frame, Source

# A stream that opens or sends nothing for so long is lost.
TIMEOUT_MS = 5000
LIMITS = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A camera may give one damaged frame; so many in a row, or none for so long, are a lost source.
FAILURES_OF_A_LOST_SOURCE = 5
TICK_S = 0.1
# So many reads in a row give nothing only where the video ends: after damage, decoding resumes at the next keyframe.
READS_PAST_DAMAGE = 300
# Containers that list their frames; of others OpenCV only estimates how many there are.
EXACT_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi"})


@contextmanager
def opened(source: Source) -> Iterator[cv2.VideoCapture]:
    """Yield the open camera, stream or video, and release it whatever happens. Raises SourceError, in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # or it would report each damaged frame
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    number = source.target.removeprefix("/dev/video")
    if not source.live or "://" in source.target:
        capture = cv2.VideoCapture(source.target, cv2.CAP_FFMPEG, LIMITS)
    elif number.isdecimal():
        capture = cv2.VideoCapture(int(number))
    else:
        capture = cv2.VideoCapture(source.target, cv2.CAP_V4L2)
    try:
        if not capture.isOpened():
            raise SourceError(f"{source.name}: {_why_not_opened(source)}")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old picture waits nowhere
        yield capture
    finally:
        capture.release()


def _why_not_opened(source: Source) -> str:
    device = source.target
    if not source.live:
        return "this is no video that OpenCV can read"
    if "://" in device:
        return "this stream cannot be opened; is the address right, and does the camera answer?"
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        return f"there is no {device}; cameras here: {', '.join(sorted(glob.glob('/dev/video*'))) or 'none'}"
    except PermissionError:
        return f"{device} may not be read; add the user to the group 'video'"
    except OSError:
        pass  # it is busy, for instance
    return f"{device} gives no pictures; is another program using it ('fuser {device}' shows it), or is it no camera?"


def _read(capture: cv2.VideoCapture) -> DecodedImage | None:
    """Return the next picture; None where there is none, or it cannot be decoded."""
    try:
        found, bgr = capture.read()
        return DecodedImage(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), None) if found else None
    except cv2.error:  # also for a picture without pixels
        return None


class VideoSource(Source):
    """The frames of a video file, in order. What cannot be decoded is counted, never made up."""

    live = False

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the frames; see `Source`."""
        failures, counts = 0, self.counts
        with opened(self) as capture:
            self.fps = capture.get(cv2.CAP_PROP_FPS)
            while failures < READS_PAST_DAMAGE and not stop.is_set():
                image = _read(capture)
                if image is None:
                    failures += 1
                    continue
                counts.broken += failures
                counts.read, failures = counts.read + 1, 0
                position_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if self.wants(position_s):
                    yield Frame(counts.read - 1, image, position_s)
            if not stop.is_set() and Path(self.target).suffix.lower() in EXACT_SUFFIXES:
                counts.broken = max(counts.broken, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) - counts.read)
        if not counts.read and not stop.is_set():
            raise SourceError(f"{self.name}: not one frame of this video can be decoded")


class LiveSource(Source):
    """The newest frames of a camera or a stream; see the module."""

    connected = False
    _newest: Frame | None = None
    _failure: SourceError | None = None

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the newest frame whenever the last one is done with; see `Source`."""
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
            self.counts.dropped += self._newest is not None

    def _grab(self) -> None:
        """Open the source again and again, and read it while it lasts; one that never gave a frame is a failure."""
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            before = self.counts.read
            try:
                with opened(self) as capture:
                    self._read_while_it_lasts(capture)
                self._failure = SourceError(
                    f"{self.name}: it opens, but gives no pictures; is another program using it?"
                )
            except SourceError as error:
                self._failure = error
            if self._closing.is_set() or not self.counts.read:
                return
            pause_s = FIRST_PAUSE_S if self.counts.read > before else min(pause_s * 2, LONGEST_PAUSE_S)
            self.say(f"{self.name}: no connection; trying again in {pause_s:g} s")
            self._closing.wait(pause_s)

    def _read_while_it_lasts(self, capture: cv2.VideoCapture) -> None:
        self.fps = capture.get(cv2.CAP_PROP_FPS)
        failures, last_s, counts = 0, monotonic(), self.counts
        while failures < FAILURES_OF_A_LOST_SOURCE and monotonic() - last_s < TIMEOUT_MS / 1000:
            image = _read(capture)
            if self._closing.is_set():
                return
            if image is None:
                failures += 1
                continue
            if not self.connected and counts.read:
                self.say(f"{self.name}: connected again")
            self.connected = True
            counts.broken += failures
            frame = Frame(counts.read, image)
            counts.read, failures, last_s = counts.read + 1, 0, frame.taken_s
            if self.wants(frame.taken_s):
                with self._changed:
                    counts.dropped += self._newest is not None
                    self._newest = frame
                    self._changed.notify()
        counts.lost += self.connected
        self.connected = False
