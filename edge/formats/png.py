"""PNG (https://www.w3.org/TR/png-3/) without texts and colour profile, for large ones of which Pillow refuses it."""

import os
import struct
from io import BytesIO
from typing import BinaryIO

# Behind the signature.
CHUNKS_AT = 8
LEFT_OUT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def without_text(stream: BinaryIO) -> BinaryIO:
    """Return `stream`, or what of it is no text and no profile where it holds any."""
    size = stream.seek(0, os.SEEK_END)
    kept, start, place, name = [], 0, CHUNKS_AT, b""
    while name != b"IEND" and place + 8 <= size:
        stream.seek(place)
        length, name = struct.unpack(">I4s", stream.read(8))
        end = place + length + 12
        if name in LEFT_OUT:
            kept.append((start, place))
            start = end
        place = end
    if not kept:
        return stream
    left = bytearray()
    for begin, end in (*kept, (start, size)):
        stream.seek(begin)
        left += stream.read(max(end - begin, 0))
    return BytesIO(bytes(left))
