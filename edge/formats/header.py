"""`ImageHeader`: what the header of an encoded image claims."""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from edge.formats.tiff_strips import Strips


@dataclass(frozen=True)
class ImageHeader:
    """Format and size in pixels, and what the decoder must know to give the image its one defined result.

    `bits` are those of one channel, `white` is the largest level where the format lets a file choose it, and
    `transparent_level` that of a grey picture which stands for nothing, in the picture's own bits.
    `orientation` is EXIF's, 1 to 8, or None where the decoder is left to find it. `strips` are the pieces of a TIFF
    that is packed in a way that OpenCV does not check. `progressive` says that a JPEG is decoded in scans, each over
    the whole picture, of which a few bytes can ask for thousands. `has_text` says that a PNG has texts or a profile,
    which a decoder would inflate and keep.
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
    strips: "Strips | None" = None
    progressive: bool = False
    has_text: bool = False


def unpack(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    """Read and return the numbers of a struct `layout`. Raises struct.error if the stream ends before them."""
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))
