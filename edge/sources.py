"""Turn what a user names on the command line, files, folders, globs and `-`, into images one by one.

A name that leads nowhere is an answer of its own, not the end of the run.
"""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import BinaryIO

from edge.errors import ImageError
from edge.image import START_BYTES, is_image_start, opened_image

STANDARD_INPUT = "-"
ANY_FOLDERS = "**"  # in a pattern

# Marks in front of what a folder holds, in the order in which they are looked at.
_FILE, _FOLDER = "0", "1"

NAMES_IN_MEMORY = 20_000

# What is looked for in a folder, beside files without a suffix that begin as an image does; a file that is named itself
# may be called anything.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".mpo", ".avif", ".heic", ".heif", ".hif"}
    # Nothing here decodes these, and an error says so.
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
        if name == STANDARD_INPUT:
            yield Source(name)
        elif os.path.isdir(name):
            yield from _or_error(walk(name), name, "the folder holds no images")
        elif not os.path.lexists(name) and glob.has_magic(name):
            yield from _or_error(_images(matches(name)), name, "no file matches")
        elif not os.path.lexists(name):
            yield Source(name, ImageError("not_found", "there is no such file"))
        else:
            yield Source(name)


def _images(found: Iterable[Source]) -> Iterator[Source]:
    for source in found:
        yield from walk(source.path) if source.error is None and os.path.isdir(source.path) else [source]


def matches(pattern: str) -> Iterator[Source]:
    """Yield what a pattern matches, in order of names: files and folders, or with ** files only.

    With ** these are the images that it matches and those in folders that it matches; where it ends in a suffix, as in
    **/*.zip, files of any kind. `glob` would go through linked folders, for ever where they make a circle, and would
    name a file once more for each folder above it.
    """
    parts = pattern.split(os.sep)
    if ANY_FOLDERS not in parts:
        yield from map(Source, sorted(glob.glob(pattern)))
        return
    place = parts.index(ANY_FOLDERS)
    start = os.sep.join([*parts[:place], ""]) or os.curdir + os.sep
    suffix = os.path.splitext(parts[-1])[1]
    wanted = _any_file if suffix and not glob.has_magic(suffix) else _is_image
    found = [
        source
        for folder in filter(os.path.isdir, glob.glob(start) if glob.has_magic(start) else [start])
        for source in walk(folder, wanted)
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


def walk(folder: str, wanted: "Callable[[os.DirEntry[str]], bool] | None" = None) -> Iterator[Source]:
    """Yield the images below `folder`, lazily: first its own in order of names, then those of each folder in it.

    Hidden names and linked folders are passed over, so that links in a circle end. A folder that cannot be read
    is a source with an error. Memory does not grow with the number of entries. `wanted` chooses other files.
    """
    pending = [iter([_FOLDER + folder])]
    while pending:
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
        elif found.startswith(_FILE):
            yield Source(found.removeprefix(_FILE))
        else:
            parent = found.removeprefix(_FOLDER)
            try:
                pending.append(_listed(parent, wanted or _is_image))
            except OSError as error:
                yield Source(parent, ImageError("unreadable", f"the folder cannot be read ({error.strerror})"))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is looked at where it was not named itself."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _is_image(entry: "os.DirEntry[str]") -> bool:
    """Whether a file has the name of an image, or no suffix and begins as one does."""
    if os.path.splitext(entry.name)[1]:
        return is_image_name(entry.name)
    try:
        with opened_image(entry.path) as stream:
            return is_image_start(stream.read(START_BYTES))
    except ImageError:
        return False


def _any_file(_: "os.DirEntry[str]") -> bool:
    return True


def _listed(parent: str, wanted: "Callable[[os.DirEntry[str]], bool]") -> Iterator[str]:
    """Return the paths in a folder that count, each marked; sorted by the mark first, so images precede folders."""
    with os.scandir(parent) as entries:
        names = sorted_names(marked for entry in entries if (marked := _marked(entry, wanted)))
    return (name[0] + os.path.join(parent, name[1:]) for name in names)


def _marked(entry: "os.DirEntry[str]", wanted: "Callable[[os.DirEntry[str]], bool]") -> str | None:
    if entry.name.startswith("."):
        return None
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER + entry.name
    if entry.is_symlink() and os.path.isdir(entry.path):
        return None
    return _FILE + entry.name if wanted(entry) else None


def _or_error(sources: Iterable[Source], name: str, message: str) -> Iterator[Source]:
    empty = True
    for source in sources:
        empty = False
        yield source
    if empty:
        yield Source(name, ImageError("not_found", message))


def sorted_names(names: Iterable[str], in_memory: int = NAMES_IN_MEMORY) -> Iterator[str]:
    """Read all file `names` and return them in the order of `sorted`, with about `in_memory` of them in memory.

    Temporary files go where Python's tempfile puts them.
    """
    names = iter(names)
    run = sorted(islice(names, in_memory))
    if len(run) < in_memory:
        return iter(run)
    files = []
    while run:
        files.append(_written(run))
        run = sorted(islice(names, in_memory))
    return _merged(files)


def _merged(files: list[BinaryIO]) -> Iterator[str]:
    from heapq import merge  # small folders, which is nearly all of them, do not pay for it

    try:
        yield from merge(*map(_read, files))
    finally:
        for file in files:
            file.close()


def _written(run: list[str]) -> BinaryIO:
    from tempfile import TemporaryFile

    file = TemporaryFile()  # noqa: SIM115 # closed when all is read
    file.writelines(os.fsencode(name).replace(b"\n", b"\0") + b"\n" for name in run)  # no name holds a NUL
    file.seek(0)
    return file


def _read(file: BinaryIO) -> Iterator[str]:
    return (os.fsdecode(line[:-1].replace(b"\0", b"\n")) for line in file)
