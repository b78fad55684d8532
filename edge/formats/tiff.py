"""TIFF (revision 6.0, section 2): the first directory."""

import os
import struct
import sys
from array import array
from typing import Any, BinaryIO

from edge.errors import ImageError
from edge.formats.header import ImageHeader, unpack
from edge.formats.tiff_strips import PACKBITS, Layout, Strips

COMPRESSION, STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 259, 273, 279, 324, 325
WIDTH, HEIGHT, BITS, SAMPLES, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 256, 257, 258, 277, 322, 323, 338
PHOTOMETRIC, FILL_ORDER, ROWS_PER_STRIP, PLANES, SUBSAMPLING = 262, 266, 278, 284, 530
SIDES = (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)
SHORT, LONG = 3, 4
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
YCBCR, SEPARATE, LOWEST_BIT_FIRST = 6, 2, 2
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
    tags = _read_tags(stream, order, entries)
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
        strips=_strips(stream, order, entries, tags),
    )


def _read_tags(stream: BinaryIO, order: str, entries: list[Any]) -> dict[int, int]:
    """Return the first number of each tag that has whole ones."""
    tags: dict[int, int] = {}
    for tag, kind, values, content in entries:
        number = _read_number(stream, order, kind, values, content)
        if tag in SIDES and (number is None or values != 1):
            raise ValueError("a side must be one number of 16 or 32 bits")
        if number is not None:
            tags.setdefault(tag, number)  # libtiff takes the first of several with one tag
    return tags


def _read_number(stream: BinaryIO, order: str, kind: int, values: int, content: bytes) -> int | None:
    """Return the first number of an entry, which may stand elsewhere; None if it is of another kind."""
    if kind not in (SHORT, LONG):
        return None
    layout = f"{order}H" if kind == SHORT else f"{order}I"
    if values * struct.calcsize(layout) <= len(content):
        return int(struct.unpack_from(layout, content)[0])
    stream.seek(struct.unpack(f"{order}I", content)[0])
    return unpack(stream, layout)[0]


def _strips(stream: BinaryIO, order: str, entries: list[Any], tags: dict[int, int]) -> Strips | None:
    """Return the strips or tiles of a picture that is packed so that what they hold can be counted."""
    compression = tags.get(COMPRESSION)
    if compression not in (DEFLATE, OLD_DEFLATE, PACKBITS):
        return None
    found = {entry[0]: entry[1:] for entry in reversed(entries)}
    offsets, lengths = (TILE_OFFSETS, TILE_BYTES) if TILE_OFFSETS in found else (STRIP_OFFSETS, STRIP_BYTES)
    if offsets not in found:
        raise ValueError("nothing says where the strips or tiles are")
    subsampling = _read_numbers(stream, order, found[SUBSAMPLING], 2) if SUBSAMPLING in found else array("I", (2, 2))
    layout = _layout(tags, subsampling)
    places = _read_numbers(stream, order, found[offsets], layout.count)
    sizes = _read_numbers(stream, order, found[lengths], layout.count) if lengths in found else None
    if min(len(places), 1 if sizes is None else len(sizes)) < layout.count:
        raise ValueError("fewer strips or tiles than the picture is cut into")
    return Strips(compression, layout, places, sizes, tags.get(FILL_ORDER) == LOWEST_BIT_FIRST)


def _layout(tags: dict[int, int], subsampling: "array[int]") -> Layout:
    width, height, samples = tags.get(WIDTH, 0), tags.get(HEIGHT, 0), tags.get(SAMPLES) or 1
    tile_width, tile_height = tags.get(TILE_WIDTH), tags.get(TILE_HEIGHT)
    tiled = bool(tile_width and tile_height)
    separate = tags.get(PLANES) == SEPARATE
    coarse = tags.get(PHOTOMETRIC) == YCBCR and samples == 3 and not separate
    return Layout(
        width,
        height,
        columns=(tiled and tile_width) or max(width, 1),
        rows=(tiled and tile_height) or max(min(tags.get(ROWS_PER_STRIP) or height, height), 1),
        tiled=tiled,
        planes=samples if separate else 1,
        channels=1 if separate else samples,
        bits=tags.get(BITS) or 1,
        subsampling=(max(subsampling[0], 1), max(subsampling[1], 1)) if coarse else None,
    )


def _read_numbers(stream: BinaryIO, order: str, entry: tuple[int, int, bytes], most: int) -> "array[int]":
    """Return the first `most` numbers of an entry: kind, number of values, and these or where they stand.

    Raises ValueError if they are of another kind than 16 or 32 bits, or more than the rest of the file can hold.
    """
    kind, values, content = entry
    if kind not in (SHORT, LONG):
        raise ValueError("places and sizes must be numbers of 16 or 32 bits")
    numbers = array("H" if kind == SHORT else "I")
    if values * numbers.itemsize > len(content):
        end = stream.seek(0, os.SEEK_END)
        place = stream.seek(struct.unpack(f"{order}I", content)[0])
        if values * numbers.itemsize > end - place:
            raise ValueError("more numbers than the file can hold")
        content = stream.read(min(values, most) * numbers.itemsize)
    numbers.frombytes(content[: min(values, most) * numbers.itemsize])
    if (order == "<") != (sys.byteorder == "little"):
        numbers.byteswap()
    return numbers
