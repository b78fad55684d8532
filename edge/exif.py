"""Find the orientation in an EXIF block and turn an image by it.

It exists for pictures with transparency: OpenCV turns an image by its EXIF orientation when it decodes to
three channels, but not when it is asked for the fourth.
"""

import struct

import numpy as np
from numpy.typing import NDArray

ORIENTATION_TAG = 0x0112


def read_orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8, of an EXIF `block` (a TIFF directory); 1 where it says nothing valid."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", block, directory + 2 + 12 * i)
            if tag == ORIENTATION_TAG and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def apply_orientation(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return `image` [H, W, C] as it is meant to be seen (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
