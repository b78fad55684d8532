"""Find the glyphs of a code: dark characters on a light ground, in one row (Starter Bundle, chapter 21).

1. Grey, with 8 pixels of its border copied around it, so that no glyph touches the edge.
2. Otsu's threshold, inverted; ink and ground must differ by at least 32 levels.
3. External contours; those less than half as high as the highest are specks.
4. Where there are fewer than expected, wide ones are cut at the column with the least ink, near the ends of equal
   parts. That needs evidence: a bridge of one stroke between parts as high as the others, or a width that no single
   glyph has. Among digits, a pair that begins with a 1 is cut after its stroke.
5. Where there are as many as expected, and only digits, what is wider than any digit is cut in two: a code of five with
   two that touch must not be read as four.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.result import Box

PADDING_PX = 8
BORDER_PX = 5  # around each glyph for the network, as in the book
SMALLEST_CONTRAST = 32
SMALLEST_HEIGHT_PX, SPECK_SHARE = 5, 0.5
MOST_GLYPHS = 64  # a photograph has thousands of contours
# Widths of one part as a share of the height of the row. The digits of common fonts are 0.5 to 0.75 wide, a 1 less, a
# bold one that leans up to 1 (of 2,000 pictures of three drawn digits none was cut at 0.5).
NARROWEST_PART, CERTAIN_PART, WIDEST_PART = 0.3, 0.5, 1.15
LOWEST_PART = 0.75
DOUBLE_WIDTH = 1.2  # wider than any digit
CUT_REACH = 0.3  # of a cut from the end of an equal part, as a share of its width
# Of a 1 and a digit after it, as shares of the height of the row: the narrowest such pair, where the stroke of the 1
# may begin, and the widths of the other digit. The flag of a 1 is on its upper left: at its waist there is no ink on
# the left, unlike in a wide 6 or 8.
NARROWEST_PAIR, STEM_REACH, NARROWEST_BEHIND, WIDEST_BEHIND = 0.75, 0.35, 0.4, 0.8
WAIST, FLAG_SHARE = (0.4, 0.65), 0.08


class FoundBoxes(NamedTuple):
    """The regions of one picture, from left to right, and how many of them were cut from touching glyphs."""

    boxes: tuple[Box, ...]
    split: int = 0


def find_glyphs(pixels: NDArray[np.uint8], count: int, digits: bool = False) -> FoundBoxes:
    """Return the glyphs in `pixels`, uint8 RGB [H, W, 3]; `count` are expected, all of them `digits` or not."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = _find_ink(np.pad(grey, PADDING_PX, mode="edge"))
    contours = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    bounds = [Box(*cv2.boundingRect(contour)) for contour in contours]
    highest = max((box.height for box in bounds), default=0)
    smallest = max(SMALLEST_HEIGHT_PX, highest * SPECK_SHARE)
    glyphs = sorted(box for box in bounds if box.height >= smallest)
    split, height = glyphs, float(np.median([box.height for box in glyphs or [Box(0, 0, 0, 0)]]))
    if 0 < len(glyphs) < count:
        split = _split_touching(glyphs, count, ink, digits, height)
    elif digits and len(glyphs) == count:
        doubles = {box: _cut(box, 2, ink, height) for box in glyphs if box.width >= DOUBLE_WIDTH * height}
        split = [part for box in glyphs for part in doubles.get(box) or [box]]
    boxes = [Box.clipped(b.x - PADDING_PX, b.y - PADDING_PX, b.width, b.height, grey.shape) for b in sorted(split)]
    largest = sorted(boxes, key=lambda box: -box.width * box.height)[:MOST_GLYPHS]
    return FoundBoxes(tuple(sorted(largest)), len(set(split) - set(glyphs)))


def crop_glyph(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return uint8 RGB: the glyph in `box` and `BORDER_PX` around it; at the edge the outermost pixels repeat."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(box.y - BORDER_PX, box.y + box.height + BORDER_PX), 0, height - 1)
    columns = np.clip(np.arange(box.x - BORDER_PX, box.x + box.width + BORDER_PX), 0, width - 1)
    return pixels[rows[:, None], columns]


def _find_ink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 where there is ink and 0 elsewhere."""
    threshold, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    dark, light = grey[grey <= threshold], grey[grey > threshold]
    if not dark.size or not light.size or light.mean() - dark.mean() < SMALLEST_CONTRAST:
        return np.zeros_like(grey)
    return np.asarray(ink, np.uint8)


def _split_touching(glyphs: list[Box], count: int, ink: NDArray[np.uint8], digits: bool, height: float) -> list[Box]:
    """Return `count` boxes, the widest of `glyphs` cut into parts, or `glyphs` where that is not possible."""
    parts = dict.fromkeys(glyphs, 1)
    for _ in range(count - len(glyphs)):
        widest = max(parts, key=lambda box: box.width / parts[box])
        parts[widest] += 1
    cut = {
        box: (digits and number == 2 and _cut_behind_one(box, ink, height)) or _cut(box, number, ink, height)
        for box, number in parts.items()
        if number > 1
    }
    if not all(cut.values()):
        return glyphs
    return [part for box in glyphs for part in cut.get(box, [box])]


def _cut(box: Box, parts: int, ink: NDArray[np.uint8], height: float) -> list[Box]:
    """Return `box` cut into `parts`, each tight around its ink; none without evidence."""
    part_width = box.width / parts
    if not NARROWEST_PART * height <= part_width <= WIDEST_PART * height:
        return []
    inside = box.crop(ink) > 0
    cuts = [_lightest_column(inside, part_width * part, part_width * CUT_REACH) for part in range(1, parts)]
    pieces = [_tight(box, inside, *ends) for ends in pairwise([0, *cuts, box.width])]
    bridged = all(len(_strokes(inside[:, cut])) <= 1 for cut in cuts)
    equally_high = all(piece.height >= LOWEST_PART * height for piece in pieces)
    return pieces if equally_high and (bridged or part_width >= CERTAIN_PART * height) else []


def _cut_behind_one(box: Box, ink: NDArray[np.uint8], height: float) -> list[Box]:
    """Return a 1 and the digit after it; none where `box` does not begin with a stroke as high as a digit."""
    if box.width < NARROWEST_PAIR * height:
        return []
    inside = box.crop(ink) > 0
    longest = np.array([_strokes(column).max(initial=0) for column in inside.T])
    stem = np.flatnonzero(longest[: round(STEM_REACH * height)] >= LOWEST_PART * height)
    if not stem.size:
        return []
    # The next digit begins where the columns after the stroke no longer get lighter.
    behind = range(int(stem[0]) + 1, box.width - round(NARROWEST_BEHIND * height))
    lighter = (c for c in behind if longest[c] < LOWEST_PART * height and longest[c] <= longest[c + 1])
    cut = next(lighter, None)
    if cut is None or box.width - cut > WIDEST_BEHIND * height:
        return []
    pieces = [_tight(box, inside, 0, cut), _tight(box, inside, cut, box.width)]
    equally_high = all(piece.height >= LOWEST_PART * height for piece in pieces)
    top, bottom = (pieces[0].y - box.y + round(share * pieces[0].height) for share in WAIST)
    flag = int(np.argmax(inside[top:bottom].any(axis=0)))
    return pieces if equally_high and flag >= FLAG_SHARE * height else []


def _strokes(column: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the length of each stroke in a column."""
    ends = np.flatnonzero(np.diff(column.astype(np.int8), prepend=0, append=0))
    return ends[1::2] - ends[::2]


def _lightest_column(inside: NDArray[np.bool_], middle: float, reach: float) -> int:
    """Return the column with the least ink within `reach` of `middle`; of equal ones, the nearest."""
    near = np.arange(max(round(middle - reach), 1), min(round(middle + reach) + 1, inside.shape[1]))
    amounts = inside.sum(axis=0)[near]
    return int(near[np.lexsort((np.abs(near - middle), amounts))[0]])


def _tight(box: Box, inside: NDArray[np.bool_], left: int, right: int) -> Box:
    x, y, width, height = cv2.boundingRect(inside[:, left:right].astype(np.uint8))
    return Box(box.x + left + x, box.y + y, width, height)
