"""Read the format and the size of an encoded image from its header, before anything is decoded.

It exists because a decoder that is handed a header of 30,000 x 30,000 pixels allocates gigabytes first and
complains later. Only formats whose header is understood here are decoded at all.
"""

import struct
from collections.abc import Callable
from typing import BinaryIO

from edge.errors import ImageError
from edge.formats.bmp import read_bmp
from edge.formats.gif import read_gif
from edge.formats.header import ImageHeader
from edge.formats.jpeg import read_jpeg
from edge.formats.netpbm import read_netpbm
from edge.formats.png import read_png
from edge.formats.tiff import read_tiff
from edge.formats.webp import read_webp

READERS: dict[bytes, Callable[[BinaryIO], ImageHeader]] = {
    b"\xff\xd8\xff": read_jpeg,
    b"\x89PNG\r\n\x1a\n": read_png,
    b"GIF87a": read_gif,
    b"GIF89a": read_gif,
    b"RIFF": read_webp,
    b"BM": read_bmp,
    b"II*\0": read_tiff,
    b"MM\0*": read_tiff,
    **dict.fromkeys((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), read_netpbm),
}

# First bytes of formats that are refused by name, so that the message can say what to do.
REFUSED_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF", b"avis": "AVIF"}
REFUSED_MAGICS = {
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
    b"%PDF": "PDF",
    b"8BPS": "PSD",
}


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
    except ImageError:
        raise
    except (struct.error, IndexError, ValueError):
        raise ImageError("corrupt", "the header is cut short or damaged") from None
    if header.width < 1 or header.height < 1:
        raise ImageError("corrupt", f"the header claims {header.width} x {header.height} pixels")
    return header


def _refused_format(start: bytes) -> str | None:
    if start[4:8] == b"ftyp":
        return REFUSED_BRANDS.get(start[8:12])
    return next((name for magic, name in REFUSED_MAGICS.items() if start.startswith(magic)), None)
