"""Decode a JPEG at 1/2, 1/4 or 1/8 of its size, inside the decoder, where the model wants a small picture.

It exists because most of the time for a photograph goes into pixels that the next step throws away. The pixels that
remain differ slightly from those of the full decode, so it is never done unasked.
"""

from io import BytesIO

import cv2
import numpy as np

from edge.decode import MAX_PIXELS, DecodedImage, check_limits, decode_image, require_few_scans
from edge.errors import ImageError, UsageError
from edge.formats.header import ImageHeader
from edge.image_header import read_header
from edge.steps import Fit, Resize, ResizeSide, Step

FLAGS = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


def require_reducible(first: Step) -> None:
    """Raise UsageError unless the `first` step of a preprocessing is a resize, so that the size does not matter."""
    if not isinstance(first, Resize | ResizeSide | Fit):
        raise UsageError(
            f"--fast-decode needs a model whose first step is a resize; this one begins with {first.kind!r}"
        )


def decode_reduced(encoded: bytes, first: Step, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Return the image in `encoded`, a JPEG perhaps reduced, as large as the `first` step needs at least.

    What is no JPEG, or not large enough, is decoded as ever. Raises ImageError.
    """
    header = read_header(BytesIO(encoded))
    factor = reduction(header, first)
    if factor == 1:
        return decode_image(encoded, max_pixels)
    check_limits(header, len(encoded), max_pixels)
    require_few_scans(header, encoded)
    try:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), FLAGS[factor])
    except cv2.error as error:
        raise ImageError("corrupt", f"the {header.format} cannot be decoded ({error.err})") from None
    if pixels is None:
        raise ImageError("corrupt", f"the {header.format} is cut short, damaged or of a rare kind")
    return DecodedImage(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), None)


def reduction(header: ImageHeader, first: Step) -> int:
    """Return by how much an image may be reduced: 8, 4, 2, or 1 for not at all."""
    if header.format != "JPEG":
        return 1
    shorter, longer = sorted((header.width, header.height))
    match first:
        case Resize() | Fit():
            # Either side may become the width: the orientation is not known yet.
            ratio = shorter / max(first.width, first.height)
        case ResizeSide():
            ratio = (shorter if first.side == "shorter" else longer) / first.length
        case _:
            return 1
    return next((factor for factor in sorted(FLAGS, reverse=True) if ratio >= factor), 1)
