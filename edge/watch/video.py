"""A video file: every frame is accounted for, none is dropped, and time is that of the video."""

from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event

from edge.errors import SourceError
from edge.watch.address import Address
from edge.watch.capture import OpenCvCapture, open_by_opencv
from edge.watch.frame import Frame, FrameCounts, arrived
from edge.watch.pace import Pace

# So many reads in a row give nothing only where the video ends: after damage, decoding resumes at the next keyframe.
READS_PAST_DAMAGE = 300
# Containers that list their frames; of others OpenCV only estimates how many there are.
EXACT_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi"})


class VideoSource:
    """The frames of a video file, in order. What cannot be decoded is counted in `tally.broken`, never made up."""

    live = False
    connected = True

    def __init__(self, address: Address, pace: Pace) -> None:
        self._address, self._pace = address, pace
        self.tally = FrameCounts()
        self.fps = 0.0

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the frames that are wanted; see `Source`."""
        capture = open_by_opencv(self._address)
        try:
            self.fps = capture.fps
            yield from self._wanted(capture, stop)
        finally:
            capture.release()
        if not self.tally.read and not stop.is_set():
            raise SourceError(f"{self._address.name}: not one frame of this video can be decoded")

    def _wanted(self, capture: OpenCvCapture, stop: Event) -> Iterator[Frame]:
        for frame in self._read_all(capture, stop):
            if self._pace.wants(frame.number, frame.position_s or 0.0):
                yield frame
            else:
                self.tally.skipped += 1

    def _read_all(self, capture: OpenCvCapture, stop: Event) -> Iterator[Frame]:
        failures = 0
        while failures < READS_PAST_DAMAGE:
            if stop.is_set():
                return
            image = capture.read()
            if image is None:
                failures += 1
                continue
            self.tally.broken += failures
            failures = 0
            number = self.tally.read
            self.tally.read += 1
            yield arrived(number, image, capture.position_s)
        if Path(self._address.target).suffix.lower() in EXACT_SUFFIXES:
            self.tally.broken = max(self.tally.broken, capture.claimed_frames - self.tally.read)
