"""`Box` and `Region`: where something stands in a picture, and what it was taken for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.classification import Prediction


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle in whole pixels of the upright decoded picture, always inside of it; (0, 0) is the upper left."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what of a picture [H, W] or [H, W, C] lies in the box, without a copy."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class FoundBoxes:
    """Where the regions of one picture are, from left to right, and how many of them came from touching glyphs."""

    boxes: tuple[Box, ...]
    split: int = 0


@dataclass(frozen=True)
class Region:
    """One box and the predictions for what it holds, from the most to the least likely."""

    box: Box
    predictions: tuple[Prediction, ...]
    unsure: bool


def clipped(x: float, y: float, width: float, height: float, picture_height: int, picture_width: int) -> Box:
    """Return the part of a rectangle that lies in the picture, in whole pixels and at least one each way."""
    left = min(max(round(x), 0), picture_width - 1)
    top = min(max(round(y), 0), picture_height - 1)
    right = min(max(round(x + width), left + 1), picture_width)
    bottom = min(max(round(y + height), top + 1), picture_height)
    return Box(left, top, right - left, bottom - top)
