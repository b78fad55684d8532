"""Read the format and the size of an encoded image from its first bytes, before anything is decoded.

It exists because a decoder that is handed a header of 30,000 x 30,000 pixels allocates gigabytes first and
complains later. Only formats whose header is understood here are decoded at all.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from edge.errors import ImageError

# First bytes of formats that are refused by name, so that the message can say what to do.
REFUSED_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF", b"avis": "AVIF"}
REFUSED_MAGICS = {
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
    b"%PDF": "PDF",
    b"8BPS": "PSD",
}


@dataclass(frozen=True)
class ImageHeader:
    """What a header claims: the format, the size in pixels, whether there may be transparency, and frames."""

    format: str
    width: int
    height: int
    may_have_alpha: bool = False
    animated: bool = False


def read_header(stream: BinaryIO) -> ImageHeader:
    """Return what the header of `stream` (seekable, from its start) claims.

    Raises ImageError: `empty` for no bytes, `unsupported_format` for an image of a kind that is not decoded
    here, `not_an_image` for anything else, `corrupt` for a header that ends early or makes no sense.
    """
    start = stream.read(16)
    if not start:
        raise ImageError("empty", "the file is empty")
    for magic, reader in READERS.items():
        if start.startswith(magic) and (magic != b"RIFF" or start[8:12] == b"WEBP"):
            return _read_with(reader, stream)
    if refused := _refused_format(start):
        raise ImageError("unsupported_format", f"{refused} images are not supported; convert to JPEG or PNG")
    raise ImageError("not_an_image", "the content is not an image of a known format")


def _read_with(reader: Callable[[BinaryIO], ImageHeader], stream: BinaryIO) -> ImageHeader:
    stream.seek(0)
    try:
        header = reader(stream)
    except (struct.error, IndexError, ValueError):
        raise ImageError("corrupt", "the header is cut short or damaged") from None
    if header.width < 1 or header.height < 1:
        raise ImageError("corrupt", f"the header claims {header.width} x {header.height} pixels")
    return header


def _refused_format(start: bytes) -> str | None:
    if start[4:8] == b"ftyp":
        return REFUSED_BRANDS.get(start[8:12])
    return next((name for magic, name in REFUSED_MAGICS.items() if start.startswith(magic)), None)


def _unpack(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))


def _read_jpeg(stream: BinaryIO) -> ImageHeader:
    """Walk the segments to the frame header, SOF0 to SOF15 (ITU-T T.81, table B.1)."""
    stream.seek(2)
    while True:
        (fill, marker) = _unpack(stream, ">BB")
        while fill == 0xFF and marker == 0xFF:
            (marker,) = _unpack(stream, ">B")
        if fill != 0xFF:
            raise ValueError("no marker where one must be")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        (length,) = _unpack(stream, ">H")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width = _unpack(stream, ">BHH")
            return ImageHeader("JPEG", width, height)
        stream.seek(length - 2, 1)


def _read_png(stream: BinaryIO) -> ImageHeader:
    """Walk the chunks to the first of the pixels (https://www.w3.org/TR/png-3/)."""
    stream.seek(16)
    width, height, _, colour_type = _unpack(stream, ">IIBB")
    stream.seek(33)
    names = set()
    while True:
        length, name = struct.unpack(">I4s", stream.read(8))
        if name in (b"IDAT", b"IEND"):
            break
        names.add(name)
        stream.seek(length + 4, 1)
    return ImageHeader("PNG", width, height, bool(colour_type & 4) or b"tRNS" in names, b"acTL" in names)


def _read_gif(stream: BinaryIO) -> ImageHeader:
    """Walk the blocks to the second picture, if there is one (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""
    stream.seek(6)
    width, height, packed = _unpack(stream, "<HHB")
    stream.seek(13 + _colour_table_bytes(packed))
    pictures = 0
    while pictures < 2 and (block := stream.read(1)) in (b"\x21", b"\x2c"):
        if block == b"\x2c":
            pictures += 1
            stream.seek(8, 1)
            (packed,) = _unpack(stream, "<B")
            stream.seek(_colour_table_bytes(packed), 1)
        stream.seek(1, 1)  # the extension's label, or the picture's code size
        while length := stream.read(1):
            if length == b"\0":
                break
            stream.seek(length[0], 1)
    return ImageHeader("GIF", width, height, may_have_alpha=True, animated=pictures > 1)


def _colour_table_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _read_webp(stream: BinaryIO) -> ImageHeader:
    """Read the first chunk of one of the three kinds of WebP (RFC 9649)."""
    stream.seek(12)
    kind = stream.read(4)
    stream.seek(20)
    if kind == b"VP8X":
        flags, *sides = struct.unpack("<B3x3s3s", stream.read(10))
        width, height = (int.from_bytes(side, "little") + 1 for side in sides)
        return ImageHeader("WebP", width, height, may_have_alpha=bool(flags & 0x10), animated=bool(flags & 0x02))
    if kind == b"VP8L":
        _, bits = _unpack(stream, "<BI")
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, may_have_alpha=bool(bits >> 28 & 1))
    if kind != b"VP8 ":
        raise ValueError("no known chunk")
    stream.seek(26)
    width, height = _unpack(stream, "<HH")
    return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)


def _read_bmp(stream: BinaryIO) -> ImageHeader:
    """Read the old header of 12 bytes, or the first fields that all later ones share."""
    stream.seek(14)
    (header_bytes,) = _unpack(stream, "<I")
    width, height = _unpack(stream, "<HH" if header_bytes == 12 else "<ii")
    return ImageHeader("BMP", width, abs(height))  # a negative height means rows from the top


def _read_tiff(stream: BinaryIO) -> ImageHeader:
    """Read the first directory (TIFF 6.0, section 2): ImageWidth 256, ImageLength 257, ExtraSamples 338."""
    order = "<" if stream.read(2) == b"II" else ">"
    _, directory = _unpack(stream, f"{order}HI")
    stream.seek(directory)
    (count,) = _unpack(stream, f"{order}H")
    tags = {}
    for _ in range(count):
        tag, kind, _, value = struct.unpack(f"{order}HHI4s", stream.read(12))
        tags[tag] = struct.unpack(f"{order}H2x" if kind == 3 else f"{order}I", value)[0]
    (next_directory,) = _unpack(stream, f"{order}I")
    return ImageHeader("TIFF", tags.get(256, 0), tags.get(257, 0), tags.get(338, 0) in (1, 2), next_directory != 0)


def _read_netpbm(stream: BinaryIO) -> ImageHeader:
    """Read the two numbers behind the magic, past comments (https://netpbm.sourceforge.net/doc/ppm.html)."""
    text = re.sub(rb"#[^\n\r]*", b" ", stream.read(4096)[2:])
    width, height = text.split(maxsplit=2)[:2]
    return ImageHeader("PNM", int(width), int(height))


READERS: dict[bytes, Callable[[BinaryIO], ImageHeader]] = {
    b"\xff\xd8\xff": _read_jpeg,
    b"\x89PNG\r\n\x1a\n": _read_png,
    b"GIF8": _read_gif,
    b"RIFF": _read_webp,
    b"BM": _read_bmp,
    b"II*\0": _read_tiff,
    b"MM\0*": _read_tiff,
    **{b"P" + digit: _read_netpbm for digit in (b"1", b"2", b"3", b"4", b"5", b"6")},
}
