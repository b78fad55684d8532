"""Kinds of files that Pillow decodes wrongly or not at all: TIFF (revision 6.0), and valid files of unknown kinds."""

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError

SUBFILE, BITS, PHOTOMETRIC, STRIPS, SAMPLES, PLANES, COLOURS = 254, 258, 262, 273, 277, 284, 320
TILE_WIDTH, TILE_HEIGHT, TILES, EXTRA, SAMPLE_FORMAT, DNG = 322, 323, 324, 338, 339, 50706
WHITE_IS_ZERO, PALETTE, YCBCR, LAB = 0, 3, 6, 8
REDUCED, SEPARATE, PREMULTIPLIED, UNSIGNED = 1, 2, 1, 1
# Tiles may be larger than a small picture, but the whole of one is decoded.
LARGEST_TILE_PX = 1024
MOST_STRIPS = 1 << 18

# Markers of JPEG (ITU-T T.81, annex B): those without a length, those of a frame, and of frames that libjpeg decodes.
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
# In coded data 0xFF is followed by 0 or by RST0 to RST7; any other is the next marker.
MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9

BMP_HEADERS, BMP_DEPTHS = (12, 40, 52, 56, 64, 108, 124), (1, 4, 8, 16, 24, 32)
BITFIELDS = 3


def prepare_tiff(image: Any) -> None:
    """Let Pillow decode an opened TIFF by libtiff where its own reader is wrong about planes.

    Raises ImageError for what neither decodes correctly, and for tiles that take far more memory than the picture.
    """
    tags = image.tag_v2
    width, height = tags[256], tags[257]
    if max(tags.get(TILE_WIDTH, 0) - width, tags.get(TILE_HEIGHT, 0) - height) > LARGEST_TILE_PX:
        raise ImageError("corrupt", "the TIFF has tiles far larger than the picture")
    if len(tags.get(STRIPS, ())) > MOST_STRIPS or len(tags.get(TILES, ())) > 4 * MOST_STRIPS:
        raise ImageError("corrupt", "the TIFF is cut into far too many pieces")
    if DNG in tags or tags.get(SUBFILE, 0) & REDUCED:
        raise _unsupported("of a raw camera image: its first picture is only a preview")
    if set(tags.get(SAMPLE_FORMAT, (UNSIGNED,))) != {UNSIGNED}:
        raise _unsupported("of floats or signed integers")
    if image.mode in ("I", "F", "LAB"):
        raise _unsupported("of 32 bits a channel, or of CIE Lab")
    bits, raw = tags.get(BITS, (1,)), image.info["compression"] == "raw"
    if tags.get(PHOTOMETRIC) == YCBCR and raw:
        raise _unsupported("of luma and chroma that are not compressed")
    if tags.get(PHOTOMETRIC) == PALETTE and max(tags[COLOURS]) < 256:
        raise _unsupported("whose palette has 8 bits, or is all black,")
    if tags.get(PLANES) == SEPARATE and tags.get(SAMPLES, 1) > 1:
        if PREMULTIPLIED in tags.get(EXTRA, ()):
            raise _unsupported("of separate planes with premultiplied transparency")
        if raw and bits[0] == 16:
            image.use_load_libtiff = True
            args = f"{image.mode};16N", False, tags.offset
            whole = image.tile[0]._replace(codec_name="libtiff", extents=(0, 0, width, height), offset=0, args=args)
            image.tile = [whole]


def grey_levels(deep: NDArray[Any], tags: Any) -> NDArray[np.uint8]:
    """Return the upper 8 of 12 or 16 bits of grey, 0 for black, in a TIFF with these `tags`."""
    levels: NDArray[np.uint8] = (deep >> (max(tags.get(BITS, (16,))) - 8)).astype(np.uint8)
    return ~levels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else levels


def _is_whole_directory(content: bytes) -> bool:
    """Whether the directory of a TIFF has a size, and a picture that begins inside the file."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        tags = ImageFileDirectory_v2(content[:16] if 43 in content[2:4] else content[:8])
        stream = BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
        places = tags.get(STRIPS) or tags.get(TILES) or ()
        return bool(min(tags[256], tags[257]) > 0 and 0 < max(places) < len(content))
    except (SyntaxError, LookupError, ValueError, TypeError, OSError, OverflowError, struct.error):
        return False


def _unsupported(what: str) -> ImageError:
    return ImageError("unsupported_format", f"TIFF {what} is not supported; convert to PNG")


def is_unknown_kind(kind: str, content: bytes, opened: bool) -> bool:
    """Whether a file that could not be decoded (but `opened`, perhaps) has a valid header of an unsupported kind."""
    try:
        if kind == "JPEG":
            return _is_unknown_jpeg(content)
        if kind == "BMP":
            return _is_unknown_bmp(content)
    except (struct.error, IndexError):  # it ends early
        return False
    return kind == "TIFF" and not opened and _is_whole_directory(content)


def count_scans(content: bytes) -> int:
    """Return how many scans a JPEG has before its end marker."""
    return sum(marker == START_OF_SCAN for marker, _ in _markers(content))


def _markers(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers of a JPEG up to its end, each with the place after it; stray bytes are skipped."""
    place = 2
    while (found := MARKER.search(content, place)) and (marker := found[1][0]) != END_OF_IMAGE:
        place = found.end()
        yield marker, place
        if marker not in WITHOUT_LENGTH:
            place += int.from_bytes(content[place : place + 2], "big")


def _is_unknown_jpeg(content: bytes) -> bool:
    """Whether its frame is lossless, hierarchical, of 12 bits, or of two or more than four channels."""
    for marker, place in _markers(content):
        if marker in FRAMES:
            bits, channels = content[place + 2], content[place + 7]
            return marker not in DECODED_FRAMES or bits == 12 or channels == 2 or channels > 4
    return False


def _is_unknown_bmp(content: bytes) -> bool:
    """Whether its header, depth, compression or colour masks are none that Pillow knows."""
    (header,) = struct.unpack_from("<I", content, 14)
    if header not in BMP_HEADERS or header == 12:
        return header not in BMP_HEADERS and 12 < header < 256
    depth, compression = struct.unpack_from("<HI", content, 28)
    return compression > BITFIELDS or depth not in BMP_DEPTHS or (compression == BITFIELDS and depth < 32)
