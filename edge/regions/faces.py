"""Find faces with the Haar cascade that OpenCV ships.

It is that of Viola and Jones, with the settings of the Starter Bundle, chapter 22: grey, 300 pixels wide, scale factor
1.1, five neighbours, at least 30 pixels. It finds upright faces from the front.
"""

import os
from contextlib import suppress
from threading import local

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InstallationError
from edge.result import Box

CASCADE = "haarcascade_frontalface_default.xml"
WIDTH_PX, LARGEST_HEIGHT_PX = 300, 1200  # 10 x 65,535 pixels would become 300 x 1,966,050
SCALE_FACTOR, NEIGHBOURS, SMALLEST_PX = 1.1, 5, 30


class FaceFinder(local):
    """The cascade, one for each thread, since it keeps state: Python calls `__init__` anew in every thread.

    Raises InstallationError where OpenCV has no cascades.
    """

    def __init__(self) -> None:
        with suppress(AttributeError):  # OpenCV 5 has neither
            folder: str = cv2.data.haarcascades  # type: ignore[attr-defined] # its stubs lack it
            self._cascade = cv2.CascadeClassifier(os.path.join(folder, CASCADE))
            if not self._cascade.empty():
                return
        raise InstallationError(
            f"this OpenCV ({cv2.__version__}) has no cascades to find faces with; "
            "install 'opencv-python-headless>=4.13.0.92,<5'"
        )

    def find(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Return the faces in `pixels`, uint8 RGB [H, W, 3], from left to right."""
        height, width = pixels.shape[:2]
        scale = min(WIDTH_PX / width, LARGEST_HEIGHT_PX / height)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        least = (SMALLEST_PX, SMALLEST_PX)
        found = self._cascade.detectMultiScale(grey, SCALE_FACTOR, NEIGHBOURS, minSize=least)
        factors = np.array([width / size[0], height / size[1]] * 2)
        rows = np.asarray(found, np.float64).reshape(-1, 4) * factors
        return sorted(Box.clipped(x, y, w, h, pixels.shape) for x, y, w, h in rows.tolist())
