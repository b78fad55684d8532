"""Draw one captcha: four digits from 1 to 9 on white, each moved, sized, turned and in a typeface of its own.

The typefaces are those of Hershey (US National Bureau of Standards, 1967), which OpenCV holds, so that no file is
needed. In some captchas two neighbours touch, as those of the book do, by as little as a pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DIGITS = "123456789"
LENGTH = 4
HEIGHT_PX, MARGIN_PX = 72, 12
# The height of a digit, the width of its strokes, and how far it is turned either way.
DIGIT_HEIGHT_PX, STROKE_PX, TURN_DEGREES = (32, 38), (2, 3), 8.0
LIFT_PX, GAP_PX, INK_LEVEL = 6, (3, 11), (0, 90)
TYPEFACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
# The share of captchas in which two digits touch, and how far one may then reach into the box of the other.
TOUCHING_SHARE, DEEPEST_SHARE = 0.1, 0.15

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Captcha:
    """A picture, uint8 grey [72, W], and what it says."""

    text: str
    pixels: Grey

    def encode(self) -> bytes:
        """Return the picture as PNG."""
        return bytes(cv2.imencode(".png", self.pixels)[1])


def draw_captcha(seed: int, number: int) -> Captcha:
    """Return the captcha of this `number`, 1 or more, in the series of `seed`; it is always the same one."""
    chance = np.random.default_rng([seed, number])
    text = "".join(chance.choice(list(DIGITS), LENGTH))
    touching = int(chance.integers(1, LENGTH)) if chance.random() < TOUCHING_SHARE else None
    level = int(chance.integers(*INK_LEVEL))
    row = np.full((HEIGHT_PX, MARGIN_PX), 255, np.uint8)
    for place, digit in enumerate(text):
        tile = _draw_digit(digit, level, chance)
        row = _append(row, tile, None if place == touching else int(chance.integers(*GAP_PX, endpoint=True)))
    return Captcha(text, _append(row, np.full((HEIGHT_PX, MARGIN_PX), 255, np.uint8), 0))


def _draw_digit(digit: str, level: int, chance: np.random.Generator) -> Grey:
    """Return one digit of grey `level` on white, as wide as its ink and as high as the captcha."""
    face = int(chance.choice(TYPEFACES))
    stroke = int(chance.integers(*STROKE_PX, endpoint=True))
    scale = cv2.getFontScaleFromHeight(face, int(chance.integers(*DIGIT_HEIGHT_PX, endpoint=True)), stroke)
    (width, height), _ = cv2.getTextSize(digit, face, scale, stroke)
    side = 2 * HEIGHT_PX
    tile = np.full((side, side), 255, np.uint8)
    cv2.putText(tile, digit, ((side - width) // 2, (side + height) // 2), face, scale, level, stroke, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), chance.uniform(-TURN_DEGREES, TURN_DEGREES), 1.0)
    turned = np.asarray(cv2.warpAffine(tile, turn, (side, side), borderValue=255), np.uint8)
    top = (side - HEIGHT_PX) // 2 + int(chance.integers(-LIFT_PX, LIFT_PX, endpoint=True))
    columns = np.flatnonzero((turned < 255).any(axis=0))
    return turned[top : top + HEIGHT_PX, columns[0] : columns[-1] + 1]


def _append(row: Grey, tile: Grey, gap: int | None) -> Grey:
    """Return `row` with `tile` behind it after `gap` white columns; for None it is moved up until the two touch."""
    left = row.shape[1] + (_touching_gap(row, tile) if gap is None else gap)
    joined = np.full((HEIGHT_PX, max(left + tile.shape[1], row.shape[1])), 255, np.uint8)
    joined[:, : row.shape[1]] = row
    part = joined[:, left : left + tile.shape[1]]
    np.minimum(part, tile, out=part)
    return joined


def _touching_gap(row: Grey, tile: Grey) -> int:
    """Return the gap, 0 or less, at which the first pixels of ink lie upon each other, or the deepest allowed."""
    deepest = int(tile.shape[1] * DEEPEST_SHARE)
    return next((-d for d in range(deepest) if d and ((row[:, -d:] < 128) & (tile[:, :d] < 128)).any()), -deepest)
