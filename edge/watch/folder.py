"""The pictures that appear in a folder from now on, each once it is written to its end.

The folder is looked through again and again, since notices of the system do not cross a network drive. A file is taken
when two looks found the same size and time, and a picture that is damaged then gets a while longer.
"""

import os
from collections.abc import Generator
from threading import Event
from time import monotonic

from edge.errors import ImageError, SourceError
from edge.image import read_image
from edge.sources import walk
from edge.watch.source import Frame, Source

LOOK_EVERY_S = 0.5
# Looking through a large folder takes a while; it shall not take more than a tenth of the time.
SHARE_OF_TIME = 0.1
# A sender that stalled: damaged pictures are given so long to become whole.
PATIENCE_S = 10.0
STILL_GROWING = frozenset({"empty", "corrupt", "not_an_image"})

Signature = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


class FolderSource(Source):
    """The pictures that appear or change in a folder or below it, by name at each look."""

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield each new picture, or what is wrong with it; see `Source`."""
        # What each path held at the last look, and since when; None once that was given.
        known: dict[str, tuple[Signature, float | None]] = {p: (s, None) for p, s in self._look()[0].items()}
        pause_s = LOOK_EVERY_S
        while not stop.wait(pause_s):
            now_s = monotonic()
            found, complete = self._look()
            pause_s = max(LOOK_EVERY_S, (monotonic() - now_s) / SHARE_OF_TIME)
            if complete:
                known = {path: known[path] for path in found if path in known}
            for path, signature in found.items():
                before, since_s = known.get(path, (None, None))
                if signature != before:
                    known[path] = (signature, now_s)
                elif since_s is not None and (frame := self._read(path, now_s - since_s < PATIENCE_S)):
                    known[path] = (signature, None)
                    if self.wants(frame.taken_s):
                        yield frame
                    if stop.is_set():
                        return

    def _look(self) -> tuple[dict[str, Signature], bool]:
        """Return the pictures that are there, and whether those are all: a part of a network drive may fail once."""
        if not os.path.isdir(self.target):
            raise SourceError(f"{self.name}: this folder is gone")
        found, complete = {}, True
        for source in walk(self.target):
            try:
                if source.error:
                    raise source.error
                status = os.stat(source.path)
                found[source.path] = (status.st_size, status.st_mtime_ns)
            except FileNotFoundError:
                continue  # it went away meanwhile
            except (OSError, ImageError):
                complete = False
        return found, complete

    def _read(self, path: str, patient: bool) -> Frame | None:
        """Return the frame of a picture that no longer changes; None for one that may still become whole."""
        try:
            frame = Frame(self.counts.read, read_image(path), path=path)
        except ImageError as error:
            if patient and error.code in STILL_GROWING:
                return None
            frame = Frame(self.counts.read, None, path=path, error=error)
            self.counts.broken += 1
        self.counts.read += 1
        return frame
