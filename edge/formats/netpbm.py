"""PBM, PGM and PPM, as text and as bytes (https://netpbm.sourceforge.net/doc/ppm.html)."""

import re
from typing import BinaryIO

from edge.formats.header import ImageHeader

# Comments may stand before the numbers; whoever puts more than this there means no good.
WINDOW_BYTES = 4096
BITMAPS = (b"P1", b"P4")


def read_netpbm(stream: BinaryIO) -> ImageHeader:
    """Read width, height and, of all but bitmaps, the largest level, past comments."""
    start = stream.read(WINDOW_BYTES)
    is_bitmap = start[:2] in BITMAPS
    wanted = 2 if is_bitmap else 3
    words = re.sub(rb"#[^\n\r]*", b" ", start[2:]).split(maxsplit=wanted)
    # The last word may be cut off where the window ends.
    if len(words) < wanted or (len(words) == wanted and len(start) == WINDOW_BYTES):
        raise ValueError("no numbers")
    numbers = [int(word) for word in words[:wanted]]
    white = None if is_bitmap else numbers[2]
    return ImageHeader("PNM", numbers[0], numbers[1], bits=16 if white and white > 255 else 8, white=white)
