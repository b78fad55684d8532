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
    """One frame, or, of a folder, one file; where that is no picture `error` says why and `image` is None.

    `number` counts from 0 what the source gave, so that frames that were left out leave gaps. `taken_s` is when it
    arrived on the monotonic clock, `timestamp` the same in UTC. `position_s` is its place in a video file.
    """

    number: int
    image: DecodedImage | None
    position_s: float | None = None
    path: str | None = None
    error: ImageError | None = None
    taken_s: float = field(default_factory=monotonic)
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class FrameCounts:
    """How many frames were read, and of these skipped for --max-fps or dropped for a newer one.

    `broken` could not be decoded, and `lost` counts how often the source went away.
    """

    read: int = 0
    skipped: int = 0
    dropped: int = 0
    broken: int = 0
    lost: int = 0


class Source(ABC):
    """Gives at most `max_fps` frames a second of `target`; `fps` is the rate that this itself claims, 0 for none.

    `name` is what messages may show of the target. `live` says that time goes on whether frames are taken or not,
    `connected` that the source is there right now.
    """

    live = True
    connected = True
    fps = 0.0

    def __init__(self, target: str, name: str, max_fps: float | None, say: Say) -> None:
        self.target, self.name, self.say, self.counts = target, name, say, FrameCounts()
        self._interval_s = 1 / max_fps if max_fps else 0.0
        self._due_s: float | None = None

    @abstractmethod
    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield frames until the source ends or `stop` is set, then release it. Raises SourceError, in one line."""

    def wants(self, at_s: float) -> bool:
        """Return whether the frame at `at_s`, on any clock that runs on, is to be looked at; if not, count it."""
        due_s = at_s if self._due_s is None else self._due_s
        # A little early is on time, or a camera of 30 frames a second would give 10 of them every 133 ms.
        if at_s < due_s - self._interval_s / 10:
            self.counts.skipped += 1
            return False
        # From when it was due, so that the rate holds on average; but nothing is made up for after a pause.
        self._due_s = max(due_s, at_s - self._interval_s) + self._interval_s
        return True
