"""What every source offers, and the choice between them."""

from collections.abc import Callable, Generator
from threading import Event
from typing import Protocol

from edge.watch.address import Address
from edge.watch.folder import FolderSource
from edge.watch.frame import Frame, FrameCounts
from edge.watch.live import LiveSource
from edge.watch.pace import Pace
from edge.watch.video import VideoSource

Say = Callable[[str], None]


class Source(Protocol):
    """Gives frames until it ends or `stop` is set, and is released when the iteration ends, however it ends.

    `tally` counts what became of its frames. `fps` is the rate it claims, 0 for none; `live` says that time goes on
    whether frames are taken or not, and `connected` that it is there right now.
    """

    tally: FrameCounts
    fps: float
    live: bool
    connected: bool

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield the frames. Raises SourceError if the source cannot be opened."""
        ...


def make_source(address: Address, pace: Pace, say: Say) -> Source:
    """Return the source at `address`; `say` takes lines about what happens to it."""
    match address.kind:
        case "folder":
            return FolderSource(address, pace)
        case "video":
            return VideoSource(address, pace)
        case _:
            return LiveSource(address, pace, say)
