"""Find what a model classifies in a picture: faces, or the glyphs of a code."""

from dataclasses import dataclass

from edge.result import Box


@dataclass(frozen=True)
class FoundBoxes:
    """The regions of one picture, from left to right, and how many of them were cut from touching glyphs."""

    boxes: tuple[Box, ...]
    split: int = 0


def clipped(x: float, y: float, width: float, height: float, picture_height: int, picture_width: int) -> Box:
    """Return the part of a rectangle inside of the picture, in whole pixels, at least 1 x 1."""
    left = min(max(round(x), 0), picture_width - 1)
    top = min(max(round(y), 0), picture_height - 1)
    right = min(max(round(x + width), left + 1), picture_width)
    bottom = min(max(round(y + height), top + 1), picture_height)
    return Box(left, top, right - left, bottom - top)
