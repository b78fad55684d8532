"""PNG and animated PNG (https://www.w3.org/TR/png-3/)."""

import struct
import zlib
from typing import BinaryIO

from edge.exif import read_orientation
from edge.formats.header import ImageHeader, unpack

GREY, ALPHA_BIT = 0, 4
# Behind the signature and IHDR, whatever length that claims.
CHUNKS_AT = 33
# Ancillary chunks whose content matters here: animation control, EXIF, transparency.
READ_CHUNKS = (b"acTL", b"eXIf", b"tRNS")
LARGEST_READ_BYTES = 1 << 20
# libpng inflates each of a thousand texts to as much as 8 MB and keeps all of them; the profile is not applied.
LEFT_OUT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def read_png(stream: BinaryIO) -> ImageHeader:
    """Read IHDR and walk all chunks. OpenCV checks no checksum of an animated file, so that is done here."""
    stream.seek(16)
    width, height, bits, colour_type = unpack(stream, ">IIBB")
    found, has_text = _walk(stream)
    animated = b"acTL" in found
    if animated:
        _check_sums(stream)
    level = struct.unpack_from(">H", found[b"tRNS"])[0] if b"tRNS" in found and colour_type == GREY else None
    return ImageHeader(
        "PNG",
        width,
        height,
        may_have_alpha=bool(colour_type & ALPHA_BIT) or b"tRNS" in found,
        several=animated and struct.unpack_from(">I", found[b"acTL"])[0] > 1,
        bits=bits,
        transparent_level=level,
        orientation=read_orientation(found.get(b"eXIf", b"")),
        has_text=has_text,
    )


def _walk(stream: BinaryIO) -> tuple[dict[bytes, bytes], bool]:
    """Return the chunks that are read, by their names, and whether there are any that are left out.

    libpng allocates what a chunk claims, so each must lie inside the file. Raises ValueError if one does not.
    """
    size = stream.seek(0, 2)
    stream.seek(CHUNKS_AT)
    found: dict[bytes, bytes] = {}
    has_text = False
    name = b""
    while name != b"IEND":
        length, name = struct.unpack(">I4s", stream.read(8))
        end = stream.tell() + length + 4
        if not name.isalpha() or end > size:
            raise ValueError("no chunk, or one that ends behind the file")
        has_text |= name in LEFT_OUT
        if name in READ_CHUNKS and length <= LARGEST_READ_BYTES:
            found.setdefault(name, stream.read(length))
        stream.seek(end)
    return found, has_text


def without_text(encoded: bytes) -> bytes:
    """Return a PNG whose chunks were walked before, without its texts and its colour profile."""
    kept, start, place, name = bytearray(), 0, CHUNKS_AT, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", encoded, place)
        end = place + length + 12
        if name in LEFT_OUT:
            kept += memoryview(encoded)[start:place]
            start = end
        place = end
    kept += memoryview(encoded)[start:]
    return bytes(kept)


def _check_sums(stream: BinaryIO) -> None:
    """Raise ValueError unless every chunk, of which each lies inside the file, has the checksum that it says."""
    stream.seek(8)
    name = b""
    while name != b"IEND":
        length, name = struct.unpack(">I4s", stream.read(8))
        checksum = zlib.crc32(stream.read(length), zlib.crc32(name))
        if unpack(stream, ">I") != (checksum,):
            raise ValueError("a chunk that does not match its checksum")
