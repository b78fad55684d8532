"""The pictures that the page shows: the item as training will read it, and the picture around it."""

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.image import decode_image
from training.annotate.cutter import Cutter
from training.annotate.survey import Item, Picture, read_encoded

# A screen shows no more; a photograph of 50 megapixels need not cross a slow line.
MOST_PIXELS = 2_000_000
MOST_PNG_PIXELS = 250_000
JPEG_QUALITY = 90


class Pictures:
    """Reads and cuts the pictures of items. It may be shared by any number of threads."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        # The glyphs of a picture follow each other, and the page asks for the next one ahead.
        self._read = lru_cache(maxsize=2)(_read)

    def crop(self, item: Item) -> NDArray[np.uint8]:
        """Return uint8 RGB, what the network will see of an item. Raises ImageError if the picture has changed."""
        return self._cutter.crop(self._read(item.picture)[1], item.box)

    def content(self, item: Item) -> tuple[str, bytes]:
        """Return suffix and bytes of the file that training reads: a PNG of the crop, of a whole picture its file."""
        if item.box is None:
            return Path(item.picture.name).suffix.lower(), self._read(item.picture)[0]
        return ".png", _encoded(".png", self.crop(item))

    def shown_crop(self, item: Item) -> bytes:
        """Return the crop as a PNG."""
        return _encoded(".png", _reduced(self.crop(item)))

    def shown_picture(self, item: Item) -> tuple[str, bytes]:
        """Return media type and bytes of the whole picture: a small one exactly, a large one reduced and as a JPEG."""
        pixels = self._read(item.picture)[1]
        if pixels.shape[0] * pixels.shape[1] <= MOST_PNG_PIXELS:
            return "image/png", _encoded(".png", pixels)
        return "image/jpeg", _encoded(".jpg", _reduced(pixels), cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)


def _read(picture: Picture) -> tuple[bytes, NDArray[np.uint8]]:
    encoded, sha256 = read_encoded(picture.path)
    if sha256 != picture.sha256:
        raise ImageError("unreadable", "the picture has changed since it was looked through; start again to see it")
    return encoded, decode_image(encoded).pixels


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = math.sqrt(MOST_PIXELS / (height * width))
    if scale >= 1:
        return pixels
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(suffix: str, pixels: NDArray[np.uint8], *options: int) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), list(options))[1].tobytes()
