"""The one image decoder: encoded bytes in, uint8 RGB out, for training, serving and edge alike.

It exists because two decoders differ in orientation, transparency and bit depth, and each difference is
skew. What comes out is defined for every input:

- EXIF orientation is applied; colour profiles are not.
- Grey becomes three equal channels, palettes become their colours, CMYK is converted as OpenCV does.
- Transparency is laid over white, as a browser shows it. The alpha of BMP is ignored.
- 16 bits a channel are cut to the upper 8; other depths (PNM) are scaled to 0 to 255.
- Of an animation or a document of several pages the first picture counts, and a note says so.
- A first frame that is smaller than its GIF stands on white.
- A file that ends early is an error, never half a picture. A strip inside a TIFF that does is not noticed where it
  is packed by LZW, as a fax or as JPEG.
"""

import os
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.exif import apply_orientation, read_orientation
from edge.formats.header import ImageHeader
from edge.formats.jpeg import count_scans
from edge.formats.png import without_text
from edge.formats.tiff_strips import require_whole
from edge.image_file import opened_image
from edge.image_header import read_header

MAX_PIXELS = 50_000_000

# No image needs more: 16 bits in four channels for each pixel, and room for previews and profiles.
BYTES_PER_PIXEL = 8
METADATA_BYTES = 64 << 20
# Encoders write ten, and twenty or so where they search for the best ones.
MOST_SCANS = 100
# Bands of this size stay in the processor's cache.
PIXELS_AT_ONCE = 1 << 16
# What a picture may be padded by on each side where it is cut into tiles.
TILE_PX = 1024


@dataclass(frozen=True)
class DecodedImage:
    """Pixels, uint8 RGB [H, W, 3], and a note where they are not all that the file held."""

    pixels: NDArray[np.uint8]
    note: str | None


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the image in the file at `path`; see the module for what is defined.

    Raises ImageError with one of its codes.
    """
    with opened_image(path) as stream:
        return _decode_stream(stream, max_pixels)


def decode_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the image in `encoded`; see the module for what is defined. Raises ImageError."""
    return _decode_stream(BytesIO(encoded), max_pixels)


def _decode_stream(stream: BinaryIO, max_pixels: int) -> DecodedImage:
    header = read_header(stream)
    check_limits(header, stream.seek(0, os.SEEK_END), max_pixels)
    stream.seek(0)
    content = stream.read()
    require_few_scans(header, content)
    encoded = np.frombuffer(without_text(content) if header.has_text else content, np.uint8)
    if header.strips:
        largest_bytes = (header.width + TILE_PX) * (header.height + TILE_PX) * BYTES_PER_PIXEL
        require_whole(encoded.data, header.strips, largest_bytes)
    try:
        pixels = _decode_plain(encoded) if _is_plain(header) else _decode_unchanged(encoded, header)
    except cv2.error as error:
        raise ImageError("corrupt", f"the {header.format} cannot be decoded ({error.err})") from None
    if pixels is None:
        raise ImageError("corrupt", f"the {header.format} is cut short, damaged or of a rare kind")
    return DecodedImage(pixels, f"first picture of several in this {header.format}" if header.several else None)


def check_limits(header: ImageHeader, size_bytes: int, max_pixels: int) -> None:
    """Raise ImageError if a picture of this header is larger than `max_pixels`, or its file than it can need."""
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"the header claims {header.width} x {header.height} = {pixels:,} pixels; the limit is {max_pixels:,}",
        )
    if size_bytes > pixels * BYTES_PER_PIXEL + METADATA_BYTES:
        raise ImageError("too_many_bytes", f"{size_bytes:,} bytes are more than {pixels:,} pixels can need")


def require_few_scans(header: ImageHeader, encoded: bytes) -> None:
    """Raise ImageError for a JPEG that a decoder would go over more often than any encoder asks for.

    A dozen bytes are a scan over the whole picture, so that a megabyte could keep a decoder busy for hours.
    """
    if header.progressive and (scans := count_scans(encoded)) > MOST_SCANS:
        raise ImageError("corrupt", f"the JPEG has {scans:,} scans; {MOST_SCANS} are the limit")


def _is_plain(header: ImageHeader) -> bool:
    """Whether OpenCV's conversion to 8-bit RGB gives what is defined here.

    It drops transparency, rounds 16 bits, scales no PNM, and turns no animation by its orientation.
    """
    return not (header.may_have_alpha or header.several or header.bits == 16 or header.white not in (None, 255))


def _decode_plain(encoded: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _decode_unchanged(encoded: NDArray[np.uint8], header: ImageHeader) -> NDArray[np.uint8] | None:
    image, kinds, blocks = cv2.imdecodeWithMetadata(encoded, flags=cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    exif = [block for kind, block in zip(kinds, blocks, strict=True) if kind == cv2.IMAGE_METADATA_EXIF]
    orientation = header.orientation or (read_orientation(np.asarray(exif[0]).tobytes()) if exif else 1)
    return apply_orientation(_as_seen(np.asarray(image), header), orientation)


def _as_seen(image: NDArray[Any], header: ImageHeader) -> NDArray[np.uint8]:
    """Return RGB [H, W, 3] for what OpenCV has, a few rows at a time: the steps between need four times its memory."""
    seen = np.empty((*image.shape[:2], 3), np.uint8)
    rows = max(PIXELS_AT_ONCE // image.shape[1], 1)
    for row in range(0, len(image), rows):
        band = np.atleast_3d(_with_alpha(image[row : row + rows], header))
        seen[row : row + rows] = _lay_over_white(_eight_bits(band, header), header.premultiplied)
    return seen


def _with_alpha(image: NDArray[Any], header: ImageHeader) -> NDArray[Any]:
    """Return a grey image with the transparency of its one transparent level, any other as it is."""
    if header.transparent_level is None or image.ndim != 2:
        return image
    # OpenCV has already spread 1, 2 or 4 bits over 8.
    full = np.iinfo(image.dtype).max
    level = header.transparent_level * full // (2**header.bits - 1)
    alpha = np.where(image == level, 0, full).astype(image.dtype)
    return np.dstack([image, image, image, alpha])


def _eight_bits(image: NDArray[Any], header: ImageHeader) -> NDArray[np.uint8]:
    if header.white not in (None, 255, 65535):
        return np.minimum(np.rint(image * (255 / header.white)), 255).astype(np.uint8)
    return np.asarray(image if image.dtype == np.uint8 else image.astype(np.uint16) >> 8, np.uint8)


def _lay_over_white(image: NDArray[np.uint8], premultiplied: bool) -> NDArray[np.uint8]:
    """Return RGB [H, W, 3] for grey, BGR or BGRA [H, W, 1, 3 or 4], rounded to the nearest level."""
    if image.shape[2] == 1:
        return np.broadcast_to(image, (*image.shape[:2], 3))
    rgb = image[:, :, 2::-1]
    if image.shape[2] == 3:
        return rgb
    alpha = image[:, :, 3:].astype(np.uint16)
    laid = np.minimum(rgb + (255 - alpha), 255) if premultiplied else (rgb * alpha + 255 * (255 - alpha) + 127) // 255
    return np.asarray(laid, np.uint8)
