"""TIFF (revision 6.0): the kinds that Pillow opens but decodes wrongly."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edge.errors import ImageError

SUBFILE, BITS, PHOTOMETRIC, STRIPS, SAMPLES, PLANES, COLOURS = 254, 258, 262, 273, 277, 284, 320
TILE_WIDTH, TILE_HEIGHT, TILES, EXTRA, SAMPLE_FORMAT, DNG = 322, 323, 324, 338, 339, 50706
WHITE_IS_ZERO, PALETTE, YCBCR, LAB = 0, 3, 6, 8
REDUCED, SEPARATE, PREMULTIPLIED, UNSIGNED = 1, 2, 1, 1
# Tiles may be larger than a small picture, but the whole of one is decoded.
LARGEST_TILE_PX = 1024
MOST_STRIPS = 1 << 18


def prepare_tiff(image: Any) -> None:
    """Let Pillow decode an opened TIFF by libtiff where its own reader is wrong about planes.

    Raises ImageError: `unsupported_format` for what neither decodes correctly, `corrupt` for tiles that would take far
    more memory than the picture.
    """
    tags = image.tag_v2
    width, height = tags[256], tags[257]
    if max(tags.get(TILE_WIDTH, 0) - width, tags.get(TILE_HEIGHT, 0) - height) > LARGEST_TILE_PX:
        raise ImageError("corrupt", "the TIFF has tiles far larger than the picture")
    if len(tags.get(STRIPS, ())) > MOST_STRIPS or len(tags.get(TILES, ())) > 4 * MOST_STRIPS:
        raise ImageError("corrupt", "the TIFF is cut into far too many pieces")
    if DNG in tags or tags.get(SUBFILE, 0) & REDUCED:
        raise _unsupported("of a raw camera image: its first picture is only a preview")
    if set(tags.get(SAMPLE_FORMAT, (UNSIGNED,))) != {UNSIGNED}:
        raise _unsupported("of floats or signed integers")
    if image.mode in ("I", "F", "LAB"):
        raise _unsupported("of 32 bits a channel, or of CIE Lab")
    bits, raw = tags.get(BITS, (1,)), image.info["compression"] == "raw"
    if tags.get(PHOTOMETRIC) == YCBCR and raw:
        raise _unsupported("of luma and chroma that are not compressed")
    if tags.get(PHOTOMETRIC) == PALETTE and max(tags[COLOURS]) < 256:
        raise _unsupported("whose palette has 8 bits, or is all black,")
    if tags.get(PLANES) == SEPARATE and tags.get(SAMPLES, 1) > 1:
        if PREMULTIPLIED in tags.get(EXTRA, ()):
            raise _unsupported("of separate planes with premultiplied transparency")
        if raw and bits[0] == 16:
            image.use_load_libtiff = True
            args = f"{image.mode};16N", False, tags.offset
            whole = image.tile[0]._replace(codec_name="libtiff", extents=(0, 0, width, height), offset=0, args=args)
            image.tile = [whole]


def grey_levels(deep: NDArray[Any], tags: Any) -> NDArray[np.uint8]:
    """Return the upper 8 of 12 or 16 bits of grey, 0 for black, in a TIFF with these `tags`."""
    levels: NDArray[np.uint8] = (deep >> (max(tags.get(BITS, (16,))) - 8)).astype(np.uint8)
    return ~levels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else levels


def is_whole_directory(content: bytes) -> bool:
    """Whether the directory of a TIFF has a size, and a picture that begins inside the file."""
    try:
        tags = ImageFileDirectory_v2(content[:16] if 43 in content[2:4] else content[:8])
        stream = BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
        places = tags.get(STRIPS) or tags.get(TILES) or ()
        return bool(min(tags[256], tags[257]) > 0 and 0 < max(places) < len(content))
    except (SyntaxError, LookupError, ValueError, TypeError, OSError, OverflowError, struct.error):
        return False


def _unsupported(what: str) -> ImageError:
    return ImageError("unsupported_format", f"TIFF {what} is not supported; convert to PNG")
