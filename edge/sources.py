"""Turn what a user names on the command line, files, folders, globs and `-`, into images one by one.

It exists so that every command understands the same words, and so that a name which leads nowhere is an
answer of its own and not the end of the run.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.errors import ImageError

STANDARD_INPUT = "-"

# What is looked for in a folder; a file that is named itself may be called anything.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
)


@dataclass(frozen=True)
class Source:
    """One image to read, or, with `error`, a name that leads to none."""

    path: str
    error: ImageError | None = None


def expand_sources(names: Iterable[str]) -> Iterator[Source]:
    """Yield a source for each image that `names` lead to, folders from top to bottom in order of names."""
    for name in names:
        if name == STANDARD_INPUT:
            yield Source(name)
        elif os.path.isdir(name):
            yield from _or_error(walk_images(name), name, "the folder holds no images")
        elif not os.path.lexists(name) and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            images = (path for match in matches for path in (walk_images(match) if os.path.isdir(match) else [match]))
            yield from _or_error(images, name, "no file matches")
        elif not os.path.lexists(name):
            yield Source(name, ImageError("not_found", "there is no such file"))
        else:
            yield Source(name)


def walk_images(folder: str) -> Iterator[str]:
    """Yield the paths of the images below `folder`; hidden names and linked folders are passed over."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                yield os.path.join(parent, name)


def _or_error(paths: Iterable[str], name: str, message: str) -> Iterator[Source]:
    empty = True
    for path in paths:
        empty = False
        yield Source(path)
    if empty:
        yield Source(name, ImageError("not_found", message))
