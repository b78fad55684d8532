"""What is watched: a source, and its frames."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from edge.errors import ImageError
from edge.image import DecodedImage

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
