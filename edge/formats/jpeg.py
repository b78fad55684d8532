"""JPEG: the frame header (ITU-T T.81, annex B)."""

from typing import BinaryIO

from edge.formats.header import ImageHeader, unpack

# Markers that stand alone: TEM, RST0 to RST7, SOI.
ALONE = {0x01, *range(0xD0, 0xD9)}
# SOF0 to SOF15, less the three codes between them that mean something else (DHT, JPG, DAC).
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_jpeg(stream: BinaryIO) -> ImageHeader:
    """Walk the segments to the frame header."""
    stream.seek(2)
    while True:
        fill, marker = unpack(stream, ">BB")
        while fill == 0xFF and marker == 0xFF:
            (marker,) = unpack(stream, ">B")
        if fill != 0xFF:
            raise ValueError("no marker where one must be")
        if marker in ALONE:
            continue
        (length,) = unpack(stream, ">H")
        if marker in FRAMES:
            _, height, width = unpack(stream, ">BHH")
            return ImageHeader("JPEG", width, height)
        stream.seek(length - 2, 1)
