"""One HTML page of a run: figures, failures, and pictures of each class and of the least certain answers."""

import base64
import heapq
import io
import os
import random
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageOps

from edge.batch.archives import SEPARATOR, read_archive
from edge.batch.inputs import read_file
from edge.batch.rows import Row, RunConfig
from edge.batch.statistics import RunStatistics
from edge.files import replacing
from edge.image import decode_image
from edge.result import Box, Prediction, printable

THUMBNAIL_PX = (128, 128)
# How many are shown under a title, and of all classes together; three times as many are drawn, as some look alike.
SHOWN, SHOWN_OF_CLASSES, DRAWN = 12, 480, 3
FAILURES_SHOWN = 100  # of each code
# Two pictures look alike if the mean colours in the cells of a grid differ by at most so many levels.
GRID, ALIKE_LEVELS = (8, 8), 10


@dataclass
class Tile:
    """One picture, or the part of it in `box`, with its best prediction, None without any region."""

    row: Row
    best: Prediction | None
    unsure: bool
    box: Box | None = None
    picture: str = ""  # a JPEG in base64
    grid: Any = None


@dataclass
class Sheet:
    """The tiles under a title: those with the lowest keys. Random keys give a fair sample."""

    title: str
    most: int = SHOWN
    seen: int = 0
    drawn: list[tuple[float, int, Tile]] = field(default_factory=list)

    def add(self, key: float, tile: Tile) -> None:
        """Keep `tile` while its `key` is among the lowest, of equal ones the first."""
        self.seen += 1
        heapq.heappush(self.drawn, (-key, -self.seen, tile))
        if len(self.drawn) > self.most * DRAWN:
            heapq.heappop(self.drawn)

    def tiles(self) -> list[tuple[Tile, int]]:
        """Return the tiles to show, from the lowest key on, each with the number of others that look like it."""
        shown: list[tuple[Tile, int]] = []
        for *_, tile in sorted(self.drawn, key=lambda entry: entry[:2], reverse=True):
            for i, (other, alike) in enumerate(shown):
                if tile.picture and other.picture and np.abs(tile.grid - other.grid).max() <= ALIKE_LEVELS:
                    shown[i] = other, alike + 1
                    break
            else:
                shown.append((tile, 0))
        return shown[: self.most]


def write_report(path: Path, config: RunConfig, rows: Iterable[Row], statistics: RunStatistics) -> None:
    """Write the page to `path`, whole or not at all, in one pass over `rows`."""
    import jinja2  # an extra

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"printable": printable, "link": partial(_link, folder=path.parent)}
    template = environment.from_string(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
    failed: dict[str, list[Row]] = defaultdict(list)
    wrong, doubtful, empty = Sheet("Wrong, the most certain first"), Sheet("Least certain"), Sheet("Nothing found")
    of_class = max(min(SHOWN, SHOWN_OF_CLASSES // max(len(statistics.labels), 1)), 1)
    classes = {label: Sheet(label, of_class) for label in sorted(statistics.labels)}
    chance = random.Random(0)  # noqa: S311 # the same rows give the same page
    for row in rows:
        if row.error and len(failed[row.error.code]) < FAILURES_SHOWN:
            failed[row.error.code].append(row)
        found, tiles = row.classification, list[Tile]()
        if found and found.regions:
            tiles = [Tile(row, region.predictions[0], region.unsure, region.box) for region in found.regions]
        elif found:
            tiles = [Tile(row, found.predictions[0] if found.predictions else None, found.unsure)]
        for tile in tiles:
            (classes[tile.best.label] if tile.best else empty).add(chance.random(), tile)
            if tile.best:
                doubtful.add(tile.best.probability, tile)
                if statistics.true_label(row.path) not in (None, tile.best.label):
                    wrong.add(-tile.best.probability, tile)
    sheets = [sheet for sheet in (wrong, doubtful, *classes.values(), empty) if sheet.seen]
    _read_pictures([tile for sheet in sheets for *_, tile in sheet.drawn], config.max_pixels)
    shown = {"config": config, "statistics": statistics, "failed": failed, "sheets": sheets, "labels": list(classes)}
    with replacing(path) as temporary:
        temporary.write_text(template.render(shown), encoding="utf-8")


def _link(path: str, folder: Path) -> str:
    """Return the relative URL of a file, or of its archive, from a page in `folder`."""
    file = path if SEPARATOR not in path or os.path.lexists(path) else path.partition(SEPARATOR)[0]
    return quote(os.path.relpath(os.fsencode(file), os.fsencode(folder))) if file else ""


def _read_pictures(tiles: Iterable[Tile], max_pixels: int) -> None:
    """Give each tile its picture, if its file is unchanged since its row."""
    wanted: dict[str, list[Tile]] = defaultdict(list)
    for tile in tiles:
        wanted[tile.row.path].append(tile)
    archives = sorted({path.partition(SEPARATOR)[0] for path in wanted if SEPARATOR in path})
    members = (item for archive in archives for item in read_archive(archive, max_pixels))
    for item in chain((read_file(path, max_pixels) for path in tuple(wanted)), members):
        if item.encoded is None or item.path not in wanted:
            continue
        with suppress(ValueError):  # an ImageError, or too narrow to be shown so small
            pixels = decode_image(item.encoded, max_pixels).pixels
            for tile in wanted.pop(item.path):
                if tile.row.sha256 == item.sha256:
                    image, small = Image.fromarray(tile.box.crop(pixels) if tile.box else pixels), io.BytesIO()
                    ImageOps.contain(image, THUMBNAIL_PX, Image.Resampling.BOX).save(small, "JPEG", quality=85)
                    tile.picture = base64.b64encode(small.getvalue()).decode()
                    tile.grid = np.asarray(image.resize(GRID, Image.Resampling.BOX), np.int16)
