"""Tell valid files of a kind that Pillow does not decode from damaged ones."""

import re
import struct
from collections.abc import Iterator

# Markers of JPEG (ITU-T T.81, annex B): those without a length, those of a frame, and of frames that libjpeg decodes.
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
# In coded data 0xFF is followed by 0 or by RST0 to RST7; any other is the next marker.
MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9

BMP_HEADERS, BMP_DEPTHS = (12, 40, 52, 56, 64, 108, 124), (1, 4, 8, 16, 24, 32)
BITFIELDS = 3


def is_unknown_kind(kind: str, content: bytes, opened: bool) -> bool:
    """Whether a file of format `kind`, which could not be decoded, has a valid header of an unsupported kind.

    `opened` says that Pillow could read the header.
    """
    try:
        if kind == "JPEG":
            return _is_unknown_jpeg(content)
        if kind == "BMP":
            return _is_unknown_bmp(content)
    except (struct.error, IndexError):  # it ends early
        return False
    if kind == "TIFF" and not opened:
        from edge.formats.tiff import is_whole_directory

        return is_whole_directory(content)
    return False


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
