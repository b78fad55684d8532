"""Turn the names on a command line, files, folders, globs and `-`, into images one by one.

A name that leads nowhere is a source with an error, not the end of the run.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice

from edge.errors import ImageError, UsageError
from edge.image import START_BYTES, is_image_start, opened_image

STANDARD_INPUT = "-"
NAMES_IN_MEMORY = 20_000

# What is taken from a folder, as are files without a suffix that begin as an image does.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".mpo", ".avif", ".heic", ".heif", ".hif"}
    # These are not decoded here, and an error says so.
    | {".jp2", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"}
)


@dataclass(frozen=True)
class Source:
    """One image to read, or, with `error`, a name that leads to none."""

    path: str
    error: ImageError | None = None


def expand_sources(names: Iterable[str]) -> Iterator[Source]:
    """Yield a source for each image that `names` lead to, folders from top to bottom in order of names."""
    for name in names:
        if os.path.isdir(name):
            yield from _or_error(walk(name), name, "the folder holds no images")
        elif name == STANDARD_INPUT or os.path.lexists(name):
            yield Source(name)
        elif glob.has_magic(name):
            found = (walk(path) if os.path.isdir(path) else [Source(path)] for path in matches(name))
            yield from _or_error(chain.from_iterable(found), name, "no file matches")
        else:
            yield Source(name, ImageError("not_found", "there is no such file"))


def _or_error(sources: Iterator[Source], name: str, message: str) -> Iterator[Source]:
    yield next(sources, Source(name, ImageError("not_found", message)))
    yield from sources


def matches(pattern: str) -> list[str]:
    """Return the files and folders that a pattern matches, in order of names. Raises UsageError for **."""
    if "**" in pattern:
        raise UsageError(f"{pattern}: ** is not known; name the folder, and all images below it are taken")
    return sorted(glob.glob(pattern))


def walk(folder: str) -> Iterator[Source]:
    """Yield the images below `folder`, lazily: first its own in order of names, then those of each folder in it.

    Hidden names and linked folders are left out, so that links in a circle end. A folder that cannot be read
    is a source with an error.
    """
    pending = [folder]
    while pending:
        parent, folders = pending.pop(), list[str]()
        try:
            with os.scandir(parent) as entries:
                names = sorted_names(entry.name for entry in entries if _is_image(entry, folders))
        except OSError as error:
            yield Source(parent, ImageError("unreadable", f"the folder cannot be read ({error.strerror})"))
            continue
        yield from (Source(os.path.join(parent, name)) for name in names)
        pending += (os.path.join(parent, name) for name in sorted(folders, reverse=True))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken from a folder."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _is_image(entry: "os.DirEntry[str]", folders: list[str]) -> bool:
    """Whether a file has the name of an image, or no suffix and begins as one; a folder is added to `folders`."""
    if entry.name.startswith("."):
        return False
    if entry.is_dir(follow_symlinks=False):
        folders.append(entry.name)
        return False
    if entry.is_symlink() and os.path.isdir(entry.path):
        return False
    if os.path.splitext(entry.name)[1]:
        return is_image_name(entry.name)
    try:
        with opened_image(entry.path) as stream:
            return is_image_start(stream.read(START_BYTES))
    except ImageError:
        return False


def sorted_names(names: Iterable[str], in_memory: int = NAMES_IN_MEMORY) -> Iterator[str]:
    """Read all `names` and return them in the order of `sorted`; more than `in_memory` are sorted on the disk."""
    names = iter(names)
    first = sorted(islice(names, in_memory))
    if len(first) < in_memory:
        return iter(first)
    import sqlite3  # few folders are so large

    database = sqlite3.connect("", check_same_thread=False)  # a temporary file
    database.execute("CREATE TABLE names (name BLOB)")
    # In UTF-8 the order of bytes is that of Python's strings; file names may hold lone surrogates.
    rows = ((name.encode("utf-8", "surrogatepass"),) for name in chain(first, names))
    database.executemany("INSERT INTO names VALUES (?)", rows)

    def read() -> Iterator[str]:
        with closing(database):
            for (name,) in database.execute("SELECT name FROM names ORDER BY name"):
                yield name.decode("utf-8", "surrogatepass")

    return read()
