"""The classifier of a model file, loaded anew when the file is replaced."""

import os
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from edge.classifier import Classifier
from edge.errors import EyespotError
from edge.watch.source import Say

LOOK_EVERY_S = 1.0


class ReloadingClassifier:
    """The classifier of the file at `path`. Raises what `load` does for the file as it is at first.

    A new file is loaded once two looks in a row found it unchanged, so that one that is still copied is not tried; if
    it cannot be used the classifier before goes on, with one line.
    """

    def __init__(self, path: str, load: Callable[[], Classifier], say: Say) -> None:
        self._path, self._load, self._say = path, load, say
        self._tried = self._seen = _signature(path)
        self._current, self._looked_s = load(), monotonic()

    def newest(self) -> Classifier:
        """Return the classifier, after a look at the file if the last one is a second ago."""
        if monotonic() - self._looked_s < LOOK_EVERY_S:
            return self._current
        before, self._seen = self._seen, _signature(self._path)
        if self._seen and self._seen != self._tried and self._seen == before:
            self._tried = self._seen
            try:
                self._current = self._load()
                self._say(f"{self._path} was replaced; the new model answers from here on")
            except EyespotError as error:
                self._say(f"the new model cannot be used, the one before goes on: {error}")
        self._looked_s = monotonic()
        return self._current


def _signature(path: str) -> tuple[int, int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None
