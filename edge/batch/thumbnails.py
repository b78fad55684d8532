"""Small pictures for a report, of images that are read again where they lie, in archives too."""

import base64
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.batch.archives import SEPARATOR, read_archive
from edge.batch.chosen import Shown
from edge.batch.content import Content, read_file
from edge.decode import decode_image
from edge.errors import ImageError
from edge.regions.region import Box

THUMBNAIL_PX = 128

# A path, and which part of that picture.
Place = tuple[str, Box | None]


def place_of(shown: Shown) -> Place:
    """Return the key of a thumbnail."""
    return shown.row.answer.path, shown.box


def make_thumbnails(wanted: Iterable[Shown], max_pixels: int) -> dict[Place, str]:
    """Return a small JPEG in base64 for everything `wanted` whose file still holds what its row was made of."""
    digests: dict[str, str | None] = {}
    boxes: dict[str, set[Box | None]] = {}
    for shown in wanted:
        digests[shown.row.answer.path] = shown.row.sha256
        boxes.setdefault(shown.row.answer.path, set()).add(shown.box)
    found: dict[Place, str] = {}
    for path, content in _contents(digests, max_pixels):
        if content.encoded is None or content.sha256 != digests[path] or path not in boxes:
            continue
        try:
            pixels = decode_image(content.encoded, max_pixels).pixels
        except ImageError:
            continue
        found |= {(path, box): _thumbnail(pixels, box) for box in boxes.pop(path)}
    return found


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


def _thumbnail(pixels: NDArray[np.uint8], box: Box | None) -> str:
    """Return uint8 RGB [H, W, 3], or the part of it in `box`, as a JPEG whose longer side is `THUMBNAIL_PX`."""
    part = box.cut(pixels) if box else pixels
    scale = THUMBNAIL_PX / max(part.shape[:2])
    size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return base64.b64encode(jpeg.tobytes()).decode("ascii")
