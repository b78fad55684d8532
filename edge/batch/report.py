"""One HTML page of a run: its figures, what failed and why, pictures of each class, and what is least certain.

The page is one file with the pictures in it, which are read again where they are; of those that look alike one is shown.
"""

import base64
import heapq
import io
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.batch.archives import SEPARATOR, read_archive
from edge.batch.inputs import read_file
from edge.batch.rows import Row
from edge.batch.run_config import RunConfig
from edge.batch.statistics import RunStatistics
from edge.files import replacing
from edge.image import decode_image
from edge.result import Box, Prediction, printable

THUMBNAIL_PX = 128
# How many are shown on a sheet, and of all classes together. More are drawn, as not all that are drawn are shown.
SHOWN, SHOWN_OF_CLASSES, DRAWN = 12, 480, 36
FAILURES_SHOWN = 100  # of each code
# Two pictures look alike if the mean colour in no cell of a grid differs by more levels.
GRID, ALIKE_LEVELS = (8, 8), 10

Grid = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, or the part of it in `box`, with its best prediction, None where no region was found."""

    row: Row
    best: Prediction | None
    unsure: bool
    box: Box | None = None


@dataclass
class Sheet:
    """What is shown under a title: what has the lowest keys of all that was added. Random keys are a fair sample."""

    title: str
    seen: int = 0
    drawn: list[tuple[float, int, Shown]] = field(default_factory=list)
    tiles: list[dict[str, Any]] = field(default_factory=list)

    def add(self, key: float, shown: Shown) -> None:
        """Draw `shown` while its `key` is among the lowest, of equal ones the first."""
        self.seen += 1
        heapq.heappush(self.drawn, (-key, -self.seen, shown))
        if len(self.drawn) > DRAWN:
            heapq.heappop(self.drawn)

    def drawn_first(self, count: int) -> list[Shown]:
        """Return what was drawn from the lowest key on, three times as much as is to be shown."""
        return [shown for *_, shown in sorted(self.drawn, key=lambda entry: entry[:2], reverse=True)[: 3 * count]]


def write_report(path: Path, config: RunConfig, rows: Iterable[Row], statistics: RunStatistics) -> None:
    """Write the page to `path`, whole or not at all, in one pass over `rows`."""
    failed: dict[str, list[dict[str, str]]] = defaultdict(list)
    wrong, doubtful, empty = Sheet("Wrong, the most certain first"), Sheet("Least certain"), Sheet("Nothing found")
    classes: dict[str, Sheet] = {}
    chance = random.Random(0)  # noqa: S311 # a sample, no secret; the same rows give the same page
    for row in rows:
        if row.error and len(failed[row.error.code]) < FAILURES_SHOWN:
            link = _link(row.path, path.parent)
            failed[row.error.code].append({"path": row.path, "link": link, "reason": str(row.error)})
        for shown in _parts(row):
            if shown.best is None:
                empty.add(chance.random(), shown)
                continue
            classes.setdefault(shown.best.label, Sheet(shown.best.label)).add(chance.random(), shown)
            doubtful.add(shown.best.probability, shown)
            if statistics.true_label(row.path) not in (None, shown.best.label):
                wrong.add(-shown.best.probability, shown)
    count = max(min(SHOWN, SHOWN_OF_CLASSES // max(len(classes), 1)), 1)
    sheets = [sheet for sheet in (wrong, doubtful, *(classes[label] for label in sorted(classes)), empty) if sheet.seen]
    pictures = _read_pictures((shown for sheet in sheets for shown in sheet.drawn_first(count)), config.max_pixels)
    for sheet in sheets:
        for shown in sheet.drawn_first(count):
            picture, grid = pictures.get((shown.row.path, shown.box), (None, None))
            alike = (tile for tile in sheet.tiles if grid is not None and tile["grid"] is not None)
            twin = next((tile for tile in alike if np.abs(tile["grid"] - grid).max() <= ALIKE_LEVELS), None)
            if twin:
                twin["alike"] += 1
            elif len(sheet.tiles) < count:
                link, true = _link(shown.row.path, path.parent), statistics.true_label(shown.row.path)
                tile = {"shown": shown, "picture": picture, "grid": grid, "link": link, "true": true, "alike": 0}
                sheet.tiles.append(tile)
    labels = sorted(classes)
    page = load_template().render(config=config, statistics=statistics, sheets=sheets, failed=failed, labels=labels)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def load_template() -> Any:
    """Return the template of the page. Raises ModuleNotFoundError if Jinja2 is not there."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["printable"] = printable
    return environment.from_string(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))


def _parts(row: Row) -> Iterator[Shown]:
    """Yield what there is to show of a row: nothing of one that failed, each of its regions where there are any."""
    found = row.classification
    if found and not found.regions:
        yield Shown(row, found.predictions[0] if found.regions is None else None, found.unsure)
    for region in (found and found.regions) or ():
        yield Shown(row, region.predictions[0], region.unsure, region.box)


def _link(path: str, folder: Path) -> str:
    """Return the address of a file, or of the archive that it is in, from a page in `folder`."""
    file = path.partition(SEPARATOR)[0] if not os.path.lexists(path) else path
    return quote(os.fsencode(os.path.relpath(file, folder))) if "\0" not in file else ""


def _read_pictures(drawn: Iterable[Shown], max_pixels: int) -> dict[tuple[str, Box | None], tuple[str, Grid]]:
    """Return a small JPEG in base64, and its grid, of all whose files still hold what their rows were made of."""
    wanted: dict[str, list[Shown]] = defaultdict(list)
    for shown in drawn:
        wanted[shown.row.path].append(shown)
    archives = sorted({path.partition(SEPARATOR)[0] for path in wanted if SEPARATOR in path})
    members = (item for archive in archives for item in read_archive(archive, max_pixels))
    found = {}
    for item in chain((read_file(path, max_pixels) for path in tuple(wanted)), members):
        if item.encoded is None or item.path not in wanted or item.sha256 != wanted[item.path][0].row.sha256:
            continue
        with suppress(ValueError):  # an ImageError, or too narrow to be shown so small
            pixels = decode_image(item.encoded, max_pixels).pixels
            for shown in wanted.pop(item.path):
                image = Image.fromarray(shown.box.crop(pixels) if shown.box else pixels)
                grid = np.asarray(image.resize(GRID, Image.Resampling.BOX), np.int16)
                small = io.BytesIO()
                ImageOps.contain(image, (THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX).save(
                    small, "JPEG", quality=85
                )
                found[item.path, shown.box] = base64.b64encode(small.getvalue()).decode(), grid
    return found
