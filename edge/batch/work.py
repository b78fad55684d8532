"""The work on inputs: read, decode, classify. Whatever goes wrong with one of them ends up in its row."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from edge.answer import Answer
from edge.batch.content import Content, read_file
from edge.batch.inputs import Input
from edge.batch.row import Row
from edge.classification import Classification
from edge.classifier import Begun, Classifier
from edge.decode import decode_image
from edge.errors import ImageError, reason_of
from edge.fast_decode import decode_reduced

T = TypeVar("T")


@dataclass(frozen=True)
class _Started:
    """One input whose own work is done, or has failed; its bytes and pixels are gone."""

    path: str
    sha256: str | None
    size_bytes: int | None
    begun: Begun | ImageError
    seconds: float

    def row(self, found: Classification | ImageError, seconds: float = 0.0) -> Row:
        """Return its row after `seconds` more."""
        error = found if isinstance(found, ImageError) else None
        answer = Answer(self.path, None if isinstance(found, ImageError) else found, error)
        return Row(answer, self.sha256, self.size_bytes, self.seconds + seconds)


@dataclass(frozen=True)
class Work:
    """What is done to every input; it may be shared by any number of threads."""

    classifier: Classifier
    top_k: int
    max_pixels: int
    fast_decode: bool

    def __call__(self, items: Sequence[Input]) -> list[Row]:
        """Return the row of each input. Raises nothing: one input's failure is one row."""
        started = [self._start(item) for item in items]
        good = [one.begun for one in started if isinstance(one.begun, Begun)]
        began = time.perf_counter()
        answers = iter(self._finish(good))
        share = (time.perf_counter() - began) / max(1, len(good))
        return [
            one.row(next(answers), share) if isinstance(one.begun, Begun) else one.row(one.begun) for one in started
        ]

    def _start(self, item: Input) -> _Started:
        began = time.perf_counter()
        content = item.content or self._read(item.path)
        begun = content.error if content.error else _or_error(partial(self._begin, content.encoded or b""))
        return _Started(item.path, content.sha256, content.size_bytes, begun, time.perf_counter() - began)

    def _read(self, path: str) -> Content:
        found = _or_error(partial(read_file, path, self.max_pixels))
        return Content(None, None, None, found) if isinstance(found, ImageError) else found

    def _begin(self, encoded: bytes) -> Begun:
        if self.fast_decode:
            decoded = decode_reduced(encoded, self.classifier.spec.preprocessing[0], self.max_pixels)
        else:
            decoded = decode_image(encoded, self.max_pixels)
        return self.classifier.begin(decoded)

    def _finish(self, begun: list[Begun]) -> Sequence[Classification | ImageError]:
        """Return the answers to all of them; where one makes the model fail, the others do not pay for it."""
        together = _or_error(lambda: self.classifier.finish(begun, self.top_k))
        if not isinstance(together, ImageError):
            return together
        return [together] if len(begun) == 1 else [self._finish([one])[0] for one in begun]


def _or_error(work: Callable[[], T]) -> T | ImageError:
    try:
        return work()
    except ImageError as wrong:
        return wrong
    except Exception as wrong:  # noqa: BLE001 # out of memory, a runtime's own error: the other inputs go on
        return ImageError("failed", f"{type(wrong).__name__}: {reason_of(wrong)}")
