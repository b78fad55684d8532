"""One HTML page of a run: its figures, a contact sheet for each class, and the least certain images.

It exists because a table of a million labels hides what one look at twelve pictures shows. The page stands alone: the
pictures are in it. What is shown is chosen in one pass over the rows, in memory that grows with the classes only.
"""

import base64
import heapq
import html
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from edge.answer import printable
from edge.atomic_file import replacing
from edge.batch.archives import SEPARATOR, read_archive
from edge.batch.content import Content, read_file
from edge.batch.order import Order
from edge.batch.row import Row
from edge.batch.summary import figures, totals
from edge.batch.tally import Tally
from edge.decode import decode_image
from edge.errors import ImageError

SHOWN_PER_CLASS = 12
LEAST_CERTAIN = 24
THUMBNAIL_PX = 128
SEED = 0  # the same rows give the same page

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
h2 { margin-top: 2rem } table { border-collapse: collapse } td { padding: .1rem 1.5rem .1rem 0 }
.sheet { display: flex; flex-wrap: wrap; gap: .75rem }
figure { margin: 0; width: 8.5rem } figcaption { font-size: 12px; overflow-wrap: anywhere }
.picture { width: 128px; height: 128px; background: #eee; display: grid; place-items: center; color: #888 }
"""


@dataclass
class Chosen:
    """The rows to show: a fair sample of each class, and those whose best probability is the lowest."""

    classes: dict[str, list[Row]] = field(default_factory=dict)
    least_certain: list[Row] = field(default_factory=list)


def choose(rows: Iterable[Row]) -> Chosen:
    """Return the rows to show, in the order of the run; the least certain first."""
    chance = random.Random(SEED)  # noqa: S311 # a sample, no secret
    samples: dict[str, list[tuple[int, Row]]] = {}
    seen: dict[str, int] = {}
    doubtful: list[tuple[float, int, Row]] = []
    for index, row in enumerate(rows):
        if not row.answer.classification:
            continue
        best = row.answer.classification.predictions[0]
        sample = samples.setdefault(best.label, [])
        seen[best.label] = seen.get(best.label, 0) + 1
        # Algorithm R (J. Vitter, Random Sampling with a Reservoir, 1985).
        place = len(sample) if len(sample) < SHOWN_PER_CLASS else chance.randrange(seen[best.label])
        sample[place : place + 1] = [(index, row)] if place < SHOWN_PER_CLASS else []
        entry = (-best.probability, -index, row)
        heapq.heappush(doubtful, entry) if len(doubtful) < LEAST_CERTAIN else heapq.heappushpop(doubtful, entry)
    classes = {label: [row for _, row in sorted(s, key=lambda pair: pair[0])] for label, s in sorted(samples.items())}
    return Chosen(classes, [row for *_, row in sorted(doubtful, key=lambda entry: entry[:2], reverse=True)])


def write_report(path: Path, order: Order, chosen: Chosen, tally: Tally) -> None:
    """Write the page to `path`, whole or not at all. The pictures are read again where they lie."""
    sheets = [(f"{label}, {len(rows)} of {tally.labels[label]:,}", rows) for label, rows in chosen.classes.items()]
    sheets.append(("Least certain", chosen.least_certain))
    pictures = _thumbnails([row for _, rows in sheets for row in rows], order.max_pixels)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as page:
        page.write(f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(order.model)}</title>")
        page.write(f"<style>{STYLE}</style><h1>{_text(order.model)} {_text(order.version)}</h1>")
        page.write(f"<p>{_text(totals(tally))}</p>")
        for title, entries in figures(tally):
            cells = "".join(f"<tr><td>{_text(name)}<td>{_text(value)}" for name, value in entries)
            page.write(f"<h2>{title}</h2><table>{cells}</table>" if entries else "")
        for title, rows in sheets:
            tiles = "".join(_tile(row, pictures.get(row.answer.path)) for row in rows)
            page.write(f"<h2>{_text(title)}</h2><div class=sheet>{tiles}</div>")


def _text(value: str) -> str:
    return html.escape(printable(value))


def _tile(row: Row, picture: str | None) -> str:
    answered = row.answer.classification
    caption = f"{answered.predictions[0].label} {answered.predictions[0].probability:.1%}" if answered else ""
    unsure = ", unsure" if answered and answered.unsure else ""
    image = f'<img alt="" src="data:image/jpeg;base64,{picture}">' if picture else "changed or gone"
    name = _text(row.answer.path)
    return (
        f"<figure><div class=picture>{image}</div><figcaption>{_text(caption)}{unsure}<br>{name}</figcaption></figure>"
    )


def _thumbnails(rows: list[Row], max_pixels: int) -> dict[str, str]:
    """Return a small JPEG in base64 for each path whose content is still that of its row."""
    digests = {row.answer.path: row.sha256 for row in rows}
    found = {}
    for path, content in _contents(digests, max_pixels):
        if content.encoded is not None and content.sha256 == digests[path] and path not in found:
            found[path] = _thumbnail(content.encoded, max_pixels)
    return {path: picture for path, picture in found.items() if picture}


def _contents(paths: Iterable[str], max_pixels: int) -> Iterator[tuple[str, Content]]:
    """Yield the content of each path; an archive is read once, whatever the number of its members that are wanted."""
    wanted = set(paths)
    archives = set()
    for path in sorted(wanted):
        content = read_file(path, max_pixels)
        if content.encoded is None and SEPARATOR in path:
            archives.add(path.partition(SEPARATOR)[0])
        yield path, content
    for archive in sorted(archives):
        yield from (pair for pair in read_archive(archive, max_pixels) if pair[0] in wanted)


def _thumbnail(encoded: bytes, max_pixels: int) -> str | None:
    try:
        pixels = decode_image(encoded, max_pixels).pixels
    except ImageError:
        return None
    scale = THUMBNAIL_PX / max(pixels.shape[:2])
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return base64.b64encode(jpeg.tobytes()).decode("ascii")
