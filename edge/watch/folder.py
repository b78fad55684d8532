"""The pictures that appear in a folder from now on, each once it is complete.

The folder is polled, which works on network drives too. A file is taken when two polls found the same size and time; a
picture that is still damaged then gets a while longer.
"""

import os
from collections.abc import Generator
from dataclasses import replace
from threading import Event
from time import monotonic

from edge.errors import ImageError, SourceError
from edge.image import read_image
from edge.sources import walk
from edge.watch.capture import Frame, Source

POLL_S, SHARE_OF_TIME = 0.5, 0.1  # polling a large folder takes at most a tenth of the time
PATIENCE_S = 10.0  # for a sender that stalled
STILL_GROWING = frozenset({"empty", "corrupt", "not_an_image"})

Signature = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


class FolderSource(Source):
    """The pictures that appear or change in a folder or below it, in order of names at each poll."""

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        """Yield each new picture, or its error; see `Source`."""
        # The signature of each path at the last poll, and since when it has it; None once the picture was given.
        known: dict[str, tuple[Signature, float | None]] = {path: (it, None) for path, it in self._poll()[0].items()}
        pause_s = POLL_S
        while not stop.wait(pause_s):
            now_s = monotonic()
            found, complete = self._poll()
            pause_s = max(POLL_S, (monotonic() - now_s) / SHARE_OF_TIME)
            if complete:
                known = {path: known[path] for path in found if path in known}
            for path, signature in found.items():
                before, since_s = known.get(path, (None, None))
                if signature != before:
                    known[path] = (signature, now_s)
                elif since_s is not None and (frame := self._read(path, now_s - since_s < PATIENCE_S)):
                    known[path] = (signature, None)
                    yield frame
                    if stop.is_set():
                        return

    def _poll(self) -> tuple[dict[str, Signature], bool]:
        """Return the pictures that are there, and whether those are all: a part of a network drive may fail once."""
        if not os.path.isdir(self.target):
            raise SourceError(f"{self.name}: this folder is gone")
        found, complete = {}, True
        for source in walk(self.target):
            try:
                status = os.stat(source.path)
                if source.error is None:
                    found[source.path] = (status.st_size, status.st_mtime_ns)
                complete &= source.error is None
            except OSError as error:
                complete &= isinstance(error, FileNotFoundError)
        return found, complete

    def _read(self, path: str, patient: bool) -> Frame | None:
        """Return the frame of a picture that no longer changes; None for one that may still become complete."""
        frame = Frame(self.read, None, path=path)
        try:
            frame = replace(frame, image=read_image(path))
        except ImageError as error:
            if patient and error.code in STILL_GROWING:
                return None
            frame = replace(frame, error=error)
            self.broken += 1
        self.read += 1
        return frame
