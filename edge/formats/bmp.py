"""BMP: Windows and OS/2 bitmaps (Microsoft, BITMAPCOREHEADER and BITMAPINFOHEADER)."""

from typing import BinaryIO

from edge.formats.header import ImageHeader, unpack

CORE_HEADER_BYTES = 12


def read_bmp(stream: BinaryIO) -> ImageHeader:
    """Read the old header, or the first fields that all later ones share."""
    stream.seek(14)
    (header_bytes,) = unpack(stream, "<I")
    width, height = unpack(stream, "<HH" if header_bytes == CORE_HEADER_BYTES else "<ii")
    return ImageHeader("BMP", width, abs(height))  # a negative height means rows from the top
