"""A folder: pictures that appear in it from now on, each once it is written to its end.

It is looked through again and again, since notices of the system do not cross a network drive. A file is taken when
two looks found the same size and time, and a picture that is still damaged then gets a while longer.
"""

import os
from collections.abc import Generator
from threading import Event
from time import monotonic

from edge.decode import read_image
from edge.errors import ImageError, SourceError
from edge.sources import walk
from edge.watch.address import Address
from edge.watch.frame import Frame, FrameCounts, arrived
from edge.watch.pace import Pace

LOOK_EVERY_S = 0.5
# Looking through a large folder takes a while; it shall not take more than a tenth of the time.
SHARE_OF_TIME = 0.1
# A sender that stalled: damaged pictures are given so long to become whole.
PATIENCE_S = 10.0
STILL_GROWING = frozenset({"empty", "corrupt", "not_an_image"})

Mark = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


class FolderSource:
    """The pictures that appear in a folder or below it, or change there, in order of their names at each look."""

    live = True
    fps = 0.0
    connected = True

    def __init__(self, address: Address, pace: Pace) -> None:
        self._folder, self._pace = address.target, pace
        self.tally = FrameCounts()
        self._done: dict[str, Mark] = {}
        self._waiting: dict[str, tuple[Mark, float]] = {}

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield each new picture, or what is wrong with it; see `Source`."""
        self._done = self._look()[0]
        pause_s = LOOK_EVERY_S
        while not stop.wait(pause_s):
            started_s = monotonic()
            marks, all_seen = self._look()
            pause_s = max(LOOK_EVERY_S, (monotonic() - started_s) / SHARE_OF_TIME)
            if all_seen:
                self._forget_the_gone(marks)
            for path, mark in marks.items():
                if self._done.get(path) != mark and (frame := self._try(path, mark)):
                    yield frame
                    if stop.is_set():
                        return

    def _look(self) -> tuple[dict[str, Mark], bool]:
        """Return the pictures that are there, and whether those are all: a part of a network drive may fail us once."""
        if not os.path.isdir(self._folder):
            raise SourceError(f"{self._folder}: this folder is gone")
        marks, all_seen = {}, True
        for source in walk(self._folder):
            try:
                if source.error:
                    raise source.error
                found = os.stat(source.path)
            except FileNotFoundError:  # it went away while we looked
                continue
            except (OSError, ImageError):
                all_seen = False
                continue
            marks[source.path] = (found.st_size, found.st_mtime_ns)
        return marks, all_seen

    def _forget_the_gone(self, marks: dict[str, Mark]) -> None:
        for memory in (self._done, self._waiting):
            for path in memory.keys() - marks.keys():
                del memory[path]

    def _try(self, path: str, mark: Mark) -> Frame | None:
        """Return the frame for a picture that no longer changes, None for one to wait for."""
        seen, since_s = self._waiting.get(path, (None, 0.0))
        if seen != mark:
            self._waiting[path] = (mark, monotonic())
            return None
        try:
            image, error = read_image(path), None
        except ImageError as failure:
            if failure.code in STILL_GROWING and monotonic() - since_s < PATIENCE_S:
                return None
            image, error = None, failure
        del self._waiting[path]
        self._done[path] = mark
        number = self.tally.read
        self.tally.read += 1
        self.tally.broken += error is not None
        if not self._pace.wants(number, monotonic()):
            self.tally.skipped += 1
            return None
        return arrived(number, image, path=path, error=error)
