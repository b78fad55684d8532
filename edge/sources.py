"""Turn what a user names on the command line, files, folders, globs and `-`, into images one by one.

It exists so that every command understands the same words, and so that a name which leads nowhere is an
answer of its own and not the end of the run.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.errors import ImageError
from edge.sorted_names import sorted_names

STANDARD_INPUT = "-"

# Marks in front of what a folder holds, in the order in which they are looked at.
_IMAGE, _FOLDER = "0", "1"

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
            yield from _or_error(walk(name), name, "the folder holds no images")
        elif not os.path.lexists(name) and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            images = (
                found for match in matches for found in (walk(match) if os.path.isdir(match) else [Source(match)])
            )
            yield from _or_error(images, name, "no file matches")
        elif not os.path.lexists(name):
            yield Source(name, ImageError("not_found", "there is no such file"))
        else:
            yield Source(name)


def walk_images(folder: str) -> Iterator[str]:
    """Yield the paths of the images below `folder`, as `walk` finds them; folders that cannot be read hold none."""
    return (source.path for source in walk(folder) if source.error is None)


def walk(folder: str) -> Iterator[Source]:
    """Yield the images below `folder`, lazily: first its own in order of names, then those of each folder in it.

    Hidden names and linked folders are passed over, so that links in a circle end. A folder that cannot be read
    is a source with an error. Memory does not grow with the number of entries.
    """
    pending = [iter([_FOLDER + folder])]
    while pending:
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
        elif found.startswith(_IMAGE):
            yield Source(found.removeprefix(_IMAGE))
        else:
            parent = found.removeprefix(_FOLDER)
            try:
                pending.append(_listed(parent))
            except OSError as error:
                yield Source(parent, ImageError("unreadable", f"the folder cannot be read ({error.strerror})"))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is looked at where it was not named itself."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _listed(parent: str) -> Iterator[str]:
    """Return the paths in a folder that count, each marked; sorted by the mark first, so images precede folders."""
    with os.scandir(parent) as entries:
        names = sorted_names(marked for entry in entries if (marked := _marked(entry)))
    return (name[0] + os.path.join(parent, name[1:]) for name in names)


def _marked(entry: os.DirEntry[str]) -> str | None:
    if entry.name.startswith("."):
        return None
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER + entry.name
    if entry.is_symlink() and os.path.isdir(entry.path):
        return None
    return _IMAGE + entry.name if is_image_name(entry.name) else None


def _or_error(sources: Iterable[Source], name: str, message: str) -> Iterator[Source]:
    empty = True
    for source in sources:
        empty = False
        yield source
    if empty:
        yield Source(name, ImageError("not_found", message))
