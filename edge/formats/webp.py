"""WebP (RFC 9649): lossy, lossless, extended."""

import struct
from typing import BinaryIO

from edge.formats.header import ImageHeader, unpack

ANIMATION_BIT, ALPHA_BIT = 0x02, 0x10


def read_webp(stream: BinaryIO) -> ImageHeader:
    """Read the first chunk, which is of one of three kinds."""
    stream.seek(12)
    kind = stream.read(4)
    stream.seek(20)
    if kind == b"VP8X":
        flags, *sides = struct.unpack("<B3x3s3s", stream.read(10))
        width, height = (int.from_bytes(side, "little") + 1 for side in sides)
        return ImageHeader(
            "WebP", width, height, may_have_alpha=bool(flags & ALPHA_BIT), several=bool(flags & ANIMATION_BIT)
        )
    if kind == b"VP8L":
        _, bits = unpack(stream, "<BI")
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, may_have_alpha=bool(bits >> 28 & 1))
    if kind != b"VP8 ":
        raise ValueError("no known chunk")
    stream.seek(26)
    width, height = unpack(stream, "<HH")
    return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
