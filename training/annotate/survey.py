"""Look through a folder once: which items there are to label, and which pictures gave none.

An item is known by the content of its picture and by its box, so that a folder may be moved, renamed and added to
between two sittings. Pictures of equal content are asked about once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.batch.inputs import read_file
from edge.errors import ImageError
from edge.image import MAX_PIXELS, decode_image
from edge.result import Box
from edge.runtime import ordered_map, usable_cores
from edge.sources import Source, walk
from training.annotate.cutter import Cutter


@dataclass(frozen=True)
class Picture:
    """One picture: `name` below the folder, SHA-256 of the file, size upright, boxes (see `Cutter.find`), remarks."""

    path: str
    name: str
    sha256: str
    width: int
    height: int
    boxes: tuple[Box | None, ...]
    remark: str | None


@dataclass(frozen=True)
class Item:
    """One thing to label: the `part`-th, from 1, of the boxes of a picture."""

    picture: Picture
    part: int

    @property
    def box(self) -> Box | None:
        """Where it is, None for the whole picture."""
        return self.picture.boxes[self.part - 1]

    @property
    def key(self) -> str:
        """What tells this item from every other, in all sittings."""
        return item_key(self.picture.sha256, self.box)


@dataclass(frozen=True)
class Unreadable:
    """A file that is no picture, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Survey:
    """What a folder holds; `empty` are pictures in which nothing was found, `copies` those that are there twice."""

    items: tuple[Item, ...]
    pictures: int
    unreadable: tuple[Unreadable, ...]
    empty: tuple[str, ...]
    copies: int


def item_key(sha256: str, box: Box | None) -> str:
    """Return the key of the item in `box` of the picture of this digest."""
    return f"{sha256[:32]}-{box.x}-{box.y}-{box.width}-{box.height}" if box else f"{sha256[:32]}-whole"


def survey_folder(folder: Path, cutter: Cutter, without: Path, tick: Callable[[int], None]) -> Survey:
    """Return what is in `folder` and below it, less what lies in the folder `without`.

    `tick` is called now and then with the number of pictures so far.
    """
    seen: set[str] = set()
    pictures: list[Picture] = []
    unreadable: list[Unreadable] = []
    empty: list[str] = []
    copies = 0
    # What is labelled must not be asked about again.
    left_out = without.resolve()
    sources = (s for s in walk(str(folder)) if not Path(s.path).resolve().is_relative_to(left_out))
    look = ordered_map(lambda source: _look(source, folder, cutter), sources, usable_cores())
    for found in look:
        tick(len(pictures) + len(unreadable) + len(empty) + copies)
        if isinstance(found, Unreadable):
            unreadable.append(found)
        elif found is not None and found.sha256 in seen:
            copies += 1
        elif found is not None:
            seen.add(found.sha256)
            pictures.append(found) if found.boxes else empty.append(found.name)
    items = tuple(Item(picture, part) for picture in pictures for part in range(1, len(picture.boxes) + 1))
    return Survey(items, len(pictures) + len(empty), tuple(unreadable), tuple(empty), copies)


def _look(source: Source, folder: Path, cutter: Cutter) -> Picture | Unreadable:
    name = Path(source.path).relative_to(folder).as_posix()
    if source.error:
        return Unreadable(name, str(source.error))
    try:
        encoded, sha256 = read_encoded(source.path)
        pixels = decode_image(encoded).pixels
    except ImageError as error:
        return Unreadable(name, str(error))
    height, width = pixels.shape[:2]
    boxes = cutter.find(pixels)
    return Picture(source.path, name, sha256, width, height, boxes, cutter.remark(len(boxes)))


def read_encoded(path: str) -> tuple[bytes, str]:
    """Return the bytes of the image file at `path`, and their SHA-256. Raises ImageError."""
    content = read_file(path, MAX_PIXELS)
    if content.encoded is None or content.sha256 is None:
        raise content.error or ImageError("unreadable", "the file cannot be read")
    return content.encoded, content.sha256
