"""`ImageHeader`: what the header of an encoded image claims."""

import struct
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class ImageHeader:
    """Format and size in pixels, and what the decoder must know to give the image its one defined result.

    `bits` are those of one channel, `white` is the largest level where the format lets a file choose it, and
    `transparent_level` that of a grey picture which stands for nothing, in the picture's own bits.
    `orientation` is EXIF's, 1 to 8, or None where the decoder is left to find it. `deflated` are the places and
    sizes in bytes of streams of zlib that make up the picture and that OpenCV does not check. `progressive` says that
    a JPEG is decoded in scans, each over the whole picture, of which a few bytes can ask for thousands.
    """

    format: str
    width: int
    height: int
    may_have_alpha: bool = False
    premultiplied: bool = False
    several: bool = False
    bits: int = 8
    white: int | None = None
    transparent_level: int | None = None
    orientation: int | None = None
    deflated: tuple[tuple[int, int], ...] = ()
    progressive: bool = False


def unpack(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    """Read and return the numbers of a struct `layout`. Raises struct.error if the stream ends before them."""
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))
