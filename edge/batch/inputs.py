"""Turn what a user names into inputs, one by one: images, folders, globs, lists and archives.

It exists so that a million inputs are never held at once: each is found when its turn comes.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.batch.archives import ARCHIVE_SUFFIXES, read_archive
from edge.batch.content import Content
from edge.batch.lists import open_standard_input, read_csv, read_lines
from edge.errors import ImageError
from edge.sources import STANDARD_INPUT, expand_sources

TEXT_LIST_SUFFIXES = (".txt", ".lst")
CSV_SUFFIX = ".csv"


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to classify: a file to read, or, for what has no path of its own, its content."""

    path: str
    content: Content | None = None

    @property
    def held_bytes(self) -> int:
        """How much memory it holds while it waits for its turn."""
        return len(self.content.encoded) if self.content and self.content.encoded else 0


@dataclass(frozen=True)
class Selection:
    """What to classify: the names a user gave, and how lists and archives among them are read.

    `column` is that of the paths in a CSV list; `null` says that lists end names with NUL in place of a new line.
    """

    names: tuple[str, ...]
    column: str
    null: bool
    max_pixels: int

    def __iter__(self) -> Iterator[Input]:
        """Yield the inputs in order. Raises UsageError for a CSV list without the column."""
        for name in self.names:
            yield from self._expand(name)

    @property
    def countable(self) -> bool:
        """Whether the inputs can be counted beforehand for little: no pipe, no archive to read through."""
        return not any(name == STANDARD_INPUT or name.lower().endswith(ARCHIVE_SUFFIXES) for name in self.names)

    def _expand(self, name: str) -> Iterator[Input]:
        suffix = "" if os.path.isdir(name) else name.lower()
        if name == STANDARD_INPUT:
            yield from _in_list(read_lines(open_standard_input(), "standard input", self.null))
        elif suffix.endswith(TEXT_LIST_SUFFIXES) and os.path.lexists(name):
            yield from _in_list(read_lines(name, name, self.null))
        elif suffix.endswith(CSV_SUFFIX) and os.path.lexists(name):
            yield from _in_list(read_csv(name, self.column))
        elif suffix.endswith(ARCHIVE_SUFFIXES) and os.path.lexists(name):
            yield from (Input(path, content) for path, content in read_archive(name, self.max_pixels))
        else:
            for source in expand_sources([name]):
                yield _named(source.path, source.error)


def _in_list(entries: Iterable[tuple[str, ImageError | None]]) -> Iterator[Input]:
    return (_named(path, error) for path, error in entries)


def _named(path: str, error: ImageError | None) -> Input:
    return Input(path, Content(None, None, None, error) if error else None)
