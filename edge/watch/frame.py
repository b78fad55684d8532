"""`Frame`: one picture of a source, with all that is known of it; `FrameCounts`: what became of the others."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from edge.decode import DecodedImage
from edge.errors import ImageError


@dataclass(frozen=True)
class Frame:
    """One frame, or, of a folder, one file that may have led to none: then `error` says why and `image` is None.

    `number` counts from 0 what the source gave, so that frames that were passed over leave gaps. `taken_s` is when
    it arrived on the monotonic clock, `timestamp` the same in UTC. `position_s` is where it stands in a video file.
    """

    number: int
    image: DecodedImage | None
    taken_s: float
    timestamp: datetime
    position_s: float | None = None
    path: str | None = None
    error: ImageError | None = None


def arrived(
    number: int,
    image: DecodedImage | None,
    position_s: float | None = None,
    path: str | None = None,
    error: ImageError | None = None,
) -> Frame:
    """Return the frame that has arrived just now."""
    return Frame(number, image, monotonic(), datetime.now(UTC), position_s, path, error)


@dataclass
class FrameCounts:
    """What became of the frames of a source so far.

    `read` came out of it; of these `skipped` were not wanted (--every, --max-fps) and `dropped` were overtaken by a
    newer one. `broken` could not be decoded, and `lost` counts how often the source went away.
    """

    read: int = 0
    skipped: int = 0
    dropped: int = 0
    broken: int = 0
    lost: int = 0
