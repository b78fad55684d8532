"""A camera or a stream: a thread reads it as fast as it gives, and whoever asks gets the newest frame.

So a slow model drops frames and never lags behind. A source that goes away is opened again, after ever longer
pauses; meanwhile there are no frames, since an old or a black one would be a lie.
"""

from collections.abc import Callable, Generator
from threading import Condition, Event, Thread
from time import monotonic

from edge.errors import SourceError
from edge.watch.address import Address
from edge.watch.capture import TIMEOUT_MS, Capture, opened
from edge.watch.frame import Frame, FrameCounts, arrived
from edge.watch.pace import Pace

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A camera may give one damaged frame; so many in a row, or none for so long, are a lost source.
FAILURES_OF_A_LOST_SOURCE = 5
TICK_S = 0.1


class LiveSource:
    """The newest frames of a camera or a stream; see the module."""

    live = True

    def __init__(self, address: Address, pace: Pace, say: Callable[[str], None]) -> None:
        self._address, self._pace, self._say = address, pace, say
        self.tally = FrameCounts()
        self.fps = 0.0
        self.connected = False
        self._changed = Condition()
        self._newest: Frame | None = None
        self._failure: SourceError | None = None
        self._closing = Event()
        self._capture: Capture | None = None

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the newest frame whenever the last one is done with; see `Source`."""
        thread = Thread(target=self._grab, name="eyespot-grabber", daemon=True)
        thread.start()
        try:
            while not stop.is_set():
                frame = self._take()
                if frame:
                    yield frame
                elif self._failure:
                    raise self._failure
                elif not thread.is_alive():  # its traceback stands on standard error
                    raise SourceError(f"{self._address.name}: reading it came to an unexpected end")
        finally:
            self._closing.set()
            if capture := self._capture:
                capture.interrupt()
            thread.join(2 * TIMEOUT_MS / 1000)  # it releases the source once its read is over
            self.tally.dropped += self._newest is not None

    def _take(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._failure, TICK_S)
            frame, self._newest = self._newest, None
        return frame

    def _grab(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            before = self.tally.read
            try:
                with opened(self._address) as capture:
                    self.fps, self._capture = capture.fps, capture
                    self._read_while_it_lasts(capture)
                failure = SourceError(
                    f"{self._address.name}: it opens, but gives no pictures; is another program using it?"
                )
            except SourceError as error:
                failure = error
            if not self.tally.read:  # it never was there: the address is wrong, or the camera is taken
                with self._changed:
                    self._failure = failure
                    self._changed.notify()
                return
            pause_s = FIRST_PAUSE_S if self.tally.read > before else min(pause_s * 2, LONGEST_PAUSE_S)
            if not self._closing.is_set():
                self._say(f"{self._address.name}: no connection; trying again in {pause_s:g} s")
            self._closing.wait(pause_s)

    def _read_while_it_lasts(self, capture: Capture) -> None:
        failures, last_s = 0, monotonic()
        while not self._closing.is_set():
            image = capture.read()
            if image is not None:
                self._connect()
                self.tally.broken += failures
                failures, last_s = 0, monotonic()
                self._offer(arrived(self.tally.read, image))
                continue
            failures += 1
            if failures >= FAILURES_OF_A_LOST_SOURCE or monotonic() - last_s > TIMEOUT_MS / 1000:
                break
        if self.connected and not self._closing.is_set():
            self.tally.lost += 1
        self.connected = False

    def _connect(self) -> None:
        if not self.connected and self.tally.read:
            self._say(f"{self._address.name}: connected again")
        self.connected = True

    def _offer(self, frame: Frame) -> None:
        self.tally.read += 1
        if not self._pace.wants(frame.number, frame.taken_s):
            self.tally.skipped += 1
            return
        with self._changed:
            if self._newest:
                self.tally.dropped += 1
            self._newest = frame
            self._changed.notify()
