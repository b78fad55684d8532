"""Turn what a user names on the command line, files, folders, globs and `-`, into images one by one.

It exists so that every command understands the same words, and so that a name which leads nowhere is an
answer of its own and not the end of the run.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edge.errors import ImageError
from edge.sorted_names import sorted_names

STANDARD_INPUT = "-"
ANY_FOLDERS = "**"  # in a pattern

# Marks in front of what a folder holds, in the order in which they are looked at.
_IMAGE, _FOLDER = "0", "1"

# What is looked for in a folder; a file that is named itself may be called anything.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
    # Nothing here decodes these, and nobody should lose one in silence: a telephone writes the first.
    | {".heic", ".heif", ".avif", ".jp2"}
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
            images = _below(name) if ANY_FOLDERS in name.split(os.sep) else _matched(name)
            yield from _or_error(images, name, "no file matches")
        elif not os.path.lexists(name):
            yield Source(name, ImageError("not_found", "there is no such file"))
        else:
            yield Source(name)


def _matched(pattern: str) -> Iterator[Source]:
    for match in sorted(glob.glob(pattern)):
        yield from walk(match) if os.path.isdir(match) else [Source(match)]


def _below(pattern: str) -> Iterator[Source]:
    """Yield, in order of names, the images that a pattern with ** matches, and those in folders that it matches.

    `glob` would go through linked folders, for ever where they make a circle, and would name an image once more for
    each folder above it.
    """
    parts = pattern.split(os.sep)
    place = parts.index(ANY_FOLDERS)
    start = os.sep.join([*parts[:place], ""]) or os.curdir + os.sep
    folders = glob.glob(start) if glob.has_magic(start) else [start]
    found = [
        source
        for folder in filter(os.path.isdir, folders)
        for source in walk(folder)
        if source.error or _matches(source.path[len(folder) :].split(os.sep), parts[place:])
    ]
    for source in sorted(found, key=lambda source: source.path):
        yield source if place else Source(source.path.removeprefix(start) or os.curdir, source.error)


def _matches(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a path of these names, or of the first of them, is one that the parts of a pattern match."""
    if not parts:
        return True
    first, *others = parts
    if first == ANY_FOLDERS:
        return any(_matches(names[i:], others) for i in range(len(names) + 1))
    if not first:  # it ends in a slash: for a folder, in which there is something
        return bool(names)
    return bool(names) and fnmatchcase(names[0], first) and _matches(names[1:], others)


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
