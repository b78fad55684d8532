"""What is labelled: the pictures of a folder, glyphs or faces in them, or the rows of suspects.csv."""

import csv
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from edge.errors import ImageError, UsageError
from edge.image import read_image
from edge.result import Box
from edge.sources import Source, walk
from edge.spec import Faces, Glyphs
from training.report.report import SUSPECT_COLUMNS


class Item(msgspec.Struct, frozen=True):
    """One thing to label: a picture of `size` (width, height), or what is in a `box` of it, the `part`-th of `parts`.

    `key` names it in the journal: a digest of its content, or a suspect's path. A suspect has the `folder` of its class
    and a model's `guess`, label and probability.
    """

    key: str
    path: Path
    name: str
    size: tuple[int, int] = (1, 1)
    box: Box | None = None
    part: int = 1
    parts: int = 1
    remark: str | None = None
    folder: Path | None = None
    guess: tuple[str, float] | None = None


class Cutter:
    """Finds and cuts what is labelled, as a model of these `regions` will. Raises as `RegionFinder` without OpenCV."""

    def __init__(self, regions: Faces | Glyphs | Literal["none"], labels: Sequence[str]) -> None:
        self.kind = "none" if regions == "none" else regions.kind
        self.count = regions.count if isinstance(regions, Glyphs) else 0
        self.noun = "picture" if regions == "none" else self.kind.removesuffix("s")
        digits = bool(self.count and labels) and all(label.isdecimal() for label in labels)
        self._labels = ("0",) if digits else ("any",)  # touching glyphs are cut apart by the kind of labels
        self.asked = self.kind + f":{self.count}" * bool(self.count) + " of digits" * digits
        if regions != "none":
            from edge.regions.finder import RegionFinder  # needs OpenCV, which whole pictures do not

            self._finder = RegionFinder(regions)

    def find(self, path: Path, name: str) -> list[Item]:
        """Return the items in one picture, from left to right. Raises ImageError, also where there are none."""
        pixels = read_image(path).pixels
        key, size = hashlib.sha256(path.read_bytes()).hexdigest()[:16], (pixels.shape[1], pixels.shape[0])
        if self.kind == "none":
            return [Item(key, path, name, size)]
        boxes = self._finder.find(pixels, self._labels).boxes
        if not boxes:
            raise ImageError("empty", f"it has no {self.noun}")
        remark = f"{len(boxes)} found, {self.count} expected" if self.count not in (0, len(boxes)) else None
        return [
            Item(f"{key}-{b.x}-{b.y}-{b.width}-{b.height}", path, name, size, b, part, len(boxes), remark)
            for part, b in enumerate(boxes, 1)
        ]

    def crop(self, item: Item, path: Path, whole: bool = False) -> NDArray[np.uint8]:
        """Return uint8 RGB [H, W, 3]: an item, or the `whole` picture, which is at `path`. Raises ImageError."""
        pixels = read_image(path).pixels
        return pixels if item.box is None or whole else self._finder.crop(pixels, item.box)

    def content(self, item: Item) -> bytes:
        """Return what training reads: the bytes of a whole picture, a PNG of a crop. Raises ImageError, OSError."""
        if item.box is None:
            return item.path.read_bytes()
        Image.fromarray(self.crop(item, item.path)).save(stream := BytesIO(), "png")
        return stream.getvalue()


def read_folder(folder: Path, output: Path, cutter: Cutter) -> tuple[dict[str, Item], list[str]]:
    """Return what is to label below `folder` but not in `output`, equal content once, and what gave nothing."""

    def find(source: Source) -> list[Item] | str:
        name = os.fsencode(os.path.relpath(source.path, folder)).decode("utf-8", "backslashreplace")
        try:
            return f"{name}: {source.error}" if source.error else cutter.find(Path(source.path), name)
        except ImageError as error:
            return f"{name}: {error}"

    written = output.resolve()
    sources = [source for source in walk(str(folder)) if not Path(source.path).resolve().is_relative_to(written)]
    items, problems = dict[str, Item](), list[str]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in tqdm(pool.map(find, sources), "looking", len(sources), leave=False, disable=None):
            if isinstance(found, str):
                problems.append(found)
                continue
            for item in found:
                items.setdefault(item.key, item)
    return items, problems


def read_suspects(file: Path) -> tuple[dict[str, Item], list[str]]:
    """Return the rows of a CSV with `SUSPECT_COLUMNS`, and those in no folder of their label. Raises UsageError."""
    items, problems = dict[str, Item](), list[str]()
    with file.open(newline="", encoding="utf-8", errors="backslashreplace") as lines:
        for row in csv.DictReader(lines):
            try:
                name, label, predicted, probability = (row[column] for column in SUSPECT_COLUMNS)
                path, guess = file.parent / name, (predicted, float(probability))
            except (KeyError, TypeError, ValueError):
                raise UsageError(f"{file} must have {','.join(SUSPECT_COLUMNS)}. Received: {row}") from None
            if folder := next((parent for parent in path.parents if parent.name == label), None):
                items[name] = Item(name, path, name, folder=folder, guess=guess)
            else:
                problems.append(f"{name}: it is in no folder named {label}")
    return items, problems
