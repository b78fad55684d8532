"""The classifier of a model file, loaded anew when the file is replaced."""

import os
from collections.abc import Callable
from time import monotonic

from edge.classifier import Classifier
from edge.errors import EyespotError
from edge.watch.capture import Say

POLL_S = 1.0


class ReloadingClassifier:
    """The classifier of the file at `path`; a new one is loaded once two polls found it unchanged, if it works."""

    def __init__(self, path: str, load: Callable[[], Classifier], say: Say) -> None:
        self._path, self._load, self._say = path, load, say
        self._loaded = self._seen = self._signature()
        self._current, self._polled_s = load(), monotonic()

    def newest(self) -> Classifier:
        """Return the classifier, after a poll of the file if the last one is a second ago."""
        if monotonic() - self._polled_s >= POLL_S:
            before, self._seen = self._seen, self._signature()
            if self._seen and self._seen != self._loaded and self._seen == before:
                self._loaded = self._seen
                try:
                    self._current = self._load()
                    self._say(f"{self._path} was replaced; the new model answers from here on")
                except EyespotError as error:
                    self._say(f"the new model cannot be used, the one before goes on: {error}")
            self._polled_s = monotonic()
        return self._current

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
