"""TIFF (revision 6.0, section 2): the first directory."""

import struct
from typing import Any, BinaryIO

from edge.errors import ImageError
from edge.formats.header import ImageHeader, unpack

COMPRESSION, STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 259, 273, 279, 324, 325
WIDTH, HEIGHT, BITS, SAMPLES, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 256, 257, 258, 277, 322, 323, 338
SIDES = (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)
SHORT, LONG = 3, 4
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
# Tiles are multiples of 16 and may be larger than a small picture, but not without end: all of one is decoded.
LARGEST_TILE_PX = 1024
DEFLATE, OLD_DEFLATE = 8, 32946


def read_tiff(stream: BinaryIO) -> ImageHeader:
    """Read size, depth, transparency, and whether another picture follows.

    Raises ImageError for grey with transparency, which OpenCV decodes without it.
    """
    order = "<" if stream.read(2) == b"II" else ">"
    _, directory = unpack(stream, f"{order}HI")
    stream.seek(directory)
    (count,) = unpack(stream, f"{order}H")
    entries = [struct.unpack(f"{order}HHI4s", stream.read(12)) for _ in range(count)]
    (next_directory,) = unpack(stream, f"{order}I")
    tags: dict[int, int] = {}
    for tag, kind, values, content in entries:
        number = _read_number(stream, order, kind, values, content)
        if tag in SIDES and (number is None or values != 1):
            raise ValueError("a side must be one number of 16 or 32 bits")
        if number is not None:
            tags.setdefault(tag, number)  # libtiff takes the first of several with one tag
    width, height = tags.get(WIDTH, 0), tags.get(HEIGHT, 0)
    if tags.get(TILE_WIDTH, 0) > width + LARGEST_TILE_PX or tags.get(TILE_HEIGHT, 0) > height + LARGEST_TILE_PX:
        raise ValueError("tiles far larger than the picture")
    alpha = tags.get(EXTRA_SAMPLES) if tags.get(EXTRA_SAMPLES) in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA) else None
    if alpha and tags.get(SAMPLES) == 2:
        raise ImageError("unsupported_format", "TIFF of grey with transparency is not supported; convert to PNG")
    bits = tags.get(BITS, 1)
    return ImageHeader(
        "TIFF",
        width,
        height,
        may_have_alpha=alpha is not None,
        premultiplied=alpha == ASSOCIATED_ALPHA or bits == 8,  # libtiff multiplies 8 bits itself
        several=next_directory != 0,
        bits=bits,
        deflated=_strips(stream, order, entries) if tags.get(COMPRESSION) in (DEFLATE, OLD_DEFLATE) else (),
    )


def _read_number(stream: BinaryIO, order: str, kind: int, values: int, content: bytes) -> int | None:
    """Return the first number of an entry, which may stand elsewhere; None if it is of another kind."""
    if kind not in (SHORT, LONG):
        return None
    layout = f"{order}H" if kind == SHORT else f"{order}I"
    if values * struct.calcsize(layout) <= len(content):
        return int(struct.unpack_from(layout, content)[0])
    stream.seek(struct.unpack(f"{order}I", content)[0])
    return unpack(stream, layout)[0]


def _strips(stream: BinaryIO, order: str, entries: list[Any]) -> tuple[tuple[int, int], ...]:
    """Return where each strip or tile begins and its bytes; none where the file does not say it, as it need not."""
    found = {tag: entry for tag, *entry in reversed(entries)}
    for tags in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES)):
        if all(tag in found for tag in tags):
            places, sizes = (_read_numbers(stream, order, *found[tag]) for tag in tags)
            return tuple(zip(places, sizes, strict=True))
    return ()


def _read_numbers(stream: BinaryIO, order: str, kind: int, values: int, content: bytes) -> tuple[int, ...]:
    """Return all numbers of an entry. Raises ValueError if they are of another kind than 16 or 32 bits."""
    if kind not in (SHORT, LONG):
        raise ValueError("places and sizes must be numbers of 16 or 32 bits")
    letter, width = ("H", 2) if kind == SHORT else ("I", 4)
    if values * width > len(content):
        stream.seek(struct.unpack(f"{order}I", content)[0])
        content = stream.read(values * width)
    return struct.unpack(f"{order}{values}{letter}", content[: values * width])
