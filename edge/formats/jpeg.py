"""JPEG: the frame header and the scans (ITU-T T.81, annex B)."""

import re
from typing import BinaryIO

from edge.formats.header import ImageHeader, unpack

# Markers that stand alone: TEM, RST0 to RST7, SOI.
ALONE = {0x01, *range(0xD0, 0xD9)}
# SOF0 to SOF15, less the three codes between them that mean something else (DHT, JPG, DAC).
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
# Among coded data 0xFF is followed by 0, and RST0 to RST7 stand in it; any other is the next marker.
# Fill bytes may stand before it; a pattern that took them up would try each of a run of them as the first.
MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
# Profiles and metadata are cut into segments of 64 KiB; the largest that are known need a few hundred.
MOST_MARKERS = 1000
READ_AT_ONCE = 1 << 16


def read_jpeg(stream: BinaryIO) -> ImageHeader:
    """Walk the segments to the frame header. Raises ValueError if it does not come soon."""
    stream.seek(2)
    for _ in range(MOST_MARKERS):
        marker = _next_marker(stream)
        if marker in ALONE:
            continue
        (length,) = unpack(stream, ">H")
        if marker in FRAMES:
            _, height, width = unpack(stream, ">BHH")
            return ImageHeader("JPEG", width, height, progressive=marker in PROGRESSIVE)
        stream.seek(length - 2, 1)
    raise ValueError("no frame header among the first markers")


def _next_marker(stream: BinaryIO) -> int:
    """Return the marker that must come next; any number of fill bytes may stand before it."""
    fill, marker = unpack(stream, ">BB")
    if fill != 0xFF:
        raise ValueError("no marker where one must be")
    while marker == 0xFF:
        block = stream.read(READ_AT_ONCE)
        rest = block.lstrip(b"\xff")
        if rest or not block:
            marker = rest[0]
            stream.seek(1 - len(rest), 1)
    return marker


def count_scans(encoded: bytes) -> int:
    """Return how many scans there are before the end of the image; what is appended to a file is not looked at."""
    scans, place = 0, 2
    while (found := MARKER.search(encoded, place)) and found[1][0] != END_OF_IMAGE:
        place = found.end()
        if found[1][0] not in ALONE:
            scans += found[1][0] == START_OF_SCAN
            place += int.from_bytes(encoded[place : place + 2], "big")
    return scans
