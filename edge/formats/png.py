"""PNG (https://www.w3.org/TR/png-3/): what is done before Pillow decodes it."""

import os
import struct
from io import BytesIO
from typing import Any, BinaryIO

from edge.errors import ImageError

# Behind the signature, and behind that the name and length of IHDR and both sides.
CHUNKS_AT, BITS_AT = 8, 24
# Encoders cut the pixels into chunks of 8 KiB or more.
MOST_CHUNKS = 1 << 18
LEFT_OUT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def without_text(stream: BinaryIO) -> BinaryIO:
    """Return `stream`, or what of it is no text and no colour profile: for a large one Pillow would refuse the picture."""
    size = stream.seek(0, os.SEEK_END)
    kept, start, place, name, chunks = [], 0, CHUNKS_AT, b"", 0
    while name != b"IEND" and place + 8 <= size:
        stream.seek(place)
        length, name = struct.unpack(">I4s", stream.read(8))
        chunks += 1
        if chunks > MOST_CHUNKS or not name.isalpha():
            raise ImageError("corrupt", "the PNG has far too many chunks, or what is none")
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


def prepare_png(image: Any, stream: BinaryIO) -> None:
    """Bring the transparent level of an opened PNG to 8 bits, as Pillow does the pixels.

    Raises ImageError for a transparent colour of 16 bits, of which Pillow drops the lower ones before it compares.
    """
    if "transparency" not in image.info or image.mode not in ("L", "RGB"):
        return
    place = stream.tell()
    stream.seek(BITS_AT)
    (bits,) = stream.read(1)
    stream.seek(place)
    if image.mode == "L":
        image.info["transparency"] = image.info["transparency"] * 255 // (2**bits - 1)
    elif bits > 8:
        raise ImageError("unsupported_format", "PNG of 16 bits with a transparent colour is not supported")
