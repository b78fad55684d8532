"""The one image decoder: encoded bytes in, uint8 RGB out, for training, serving and edge alike.

It exists because two decoders differ in orientation, transparency and bit depth, and each difference is
skew. What comes out is defined for every input:

- EXIF orientation is applied; colour profiles are not.
- Grey becomes three equal channels, palettes become their colours, CMYK is converted as OpenCV does.
- Transparency is laid over white, as a browser shows it. The alpha of BMP is ignored.
- 16 bits a channel are cut to the upper 8.
- Of an animation or a document of several pages the first picture counts, and a note says so.
- A file that ends early is an error, never half a picture.
"""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.exif import apply_orientation, read_orientation
from edge.image_header import ImageHeader, read_header

# OpenCV reports a broken file on standard error as well; the error we raise says it once.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2

MAX_PIXELS = 50_000_000

# No image needs more: 16 bits in four channels for each pixel, and room for previews and profiles.
BYTES_PER_PIXEL = 8
METADATA_BYTES = 64 << 20


@dataclass(frozen=True)
class DecodedImage:
    """Pixels, uint8 RGB [H, W, 3], and a note where they are not all that the file held."""

    pixels: NDArray[np.uint8]
    note: str | None


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the image in the file at `path`; see the module for what is defined.

    Raises ImageError with one of its codes.
    """
    try:
        with Path(path).open("rb") as stream:
            if not S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ImageError("unreadable", "this is not a regular file")
            return _decode_stream(stream, max_pixels)
    except FileNotFoundError:
        raise ImageError("not_found", "there is no such file") from None
    except OSError as error:
        raise ImageError("unreadable", f"the file cannot be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError("not_found", f"no file can have this name ({error})") from None


def decode_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the image in `encoded`; see the module for what is defined. Raises ImageError."""
    return _decode_stream(BytesIO(encoded), max_pixels)


def _decode_stream(stream: BinaryIO, max_pixels: int) -> DecodedImage:
    header = read_header(stream)
    _check_limits(header, stream.seek(0, os.SEEK_END), max_pixels)
    stream.seek(0)
    pixels = _decode(np.frombuffer(stream.read(), np.uint8), header)
    return DecodedImage(pixels, f"first picture of several in this {header.format}" if header.animated else None)


def _check_limits(header: ImageHeader, size_bytes: int, max_pixels: int) -> None:
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"the header claims {header.width} x {header.height} = {pixels:,} pixels; the limit is {max_pixels:,}",
        )
    if size_bytes > pixels * BYTES_PER_PIXEL + METADATA_BYTES:
        raise ImageError("too_many_bytes", f"{size_bytes:,} bytes are more than {pixels:,} pixels can need")


def _decode(encoded: NDArray[np.uint8], header: ImageHeader) -> NDArray[np.uint8]:
    try:
        if header.may_have_alpha:
            return _decode_with_alpha(encoded)
        pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ImageError("corrupt", f"the {header.format} cannot be decoded ({error.err})") from None
    if pixels is None:
        raise ImageError("corrupt", f"the {header.format} is cut short, damaged or of a rare kind")
    return np.asarray(pixels, np.uint8)


def _decode_with_alpha(encoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image, kinds, blocks = cv2.imdecodeWithMetadata(encoded, flags=cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ImageError("corrupt", "the image is cut short, damaged or of a rare kind")
    levels = np.asarray(image, np.uint8) if image.dtype == np.uint8 else np.asarray(image, np.uint16) >> 8
    exif = [block for kind, block in zip(kinds, blocks, strict=True) if kind == cv2.IMAGE_METADATA_EXIF]
    rgb = _lay_over_white(np.atleast_3d(levels.astype(np.uint8)))
    return apply_orientation(rgb, read_orientation(np.asarray(exif[0]).tobytes())) if exif else rgb


def _lay_over_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB [H, W, 3] for grey, BGR or BGRA [H, W, 1, 3 or 4], rounded to the nearest level."""
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    rgb = image[:, :, 2::-1]
    if image.shape[2] == 3:
        return np.ascontiguousarray(rgb)
    alpha = image[:, :, 3:].astype(np.uint16)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
