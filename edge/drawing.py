"""Draw what was found onto a copy of a picture: a box for each region, and labels that can be read on any ground.

Sizes follow the picture, small pictures are enlarged, and text stands in white on black with a thin light edge, so
that neither a white sky nor a dark room swallows it. OpenCV's own letters are ASCII: accents are left out, and other
scripts are written as their code points.
"""

import math
import unicodedata
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.classification import Classification, Prediction

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom

# What is shorter is enlarged by a whole factor, pixel by pixel, so that letters have room; but a strip of one pixel
# by 65,535 is left as it is.
SHORTEST_SIDE_PX = 240
MOST_ENLARGED_PIXELS, LONGEST_ENLARGED_PX = 16_000_000, 65_500  # the longest side that libjpeg takes
FONT = cv2.FONT_HERSHEY_SIMPLEX
# Height of capitals as a share of the shorter side, and the least that can be read.
TEXT_SHARE, SMALLEST_TEXT_PX = 0.03, 11
WHITE, BLACK, SURE, UNSURE = (255, 255, 255), (0, 0, 0), (64, 255, 64), (255, 176, 0)


def annotate(pixels: NDArray[np.uint8], classification: Classification) -> NDArray[np.uint8]:
    """Return a copy of `pixels`, uint8 RGB [H, W, 3], enlarged if it is small, with what was found drawn onto it."""
    height, width = pixels.shape[:2]
    largest = max(
        min(math.isqrt(MOST_ENLARGED_PIXELS // (height * width)), LONGEST_ENLARGED_PX // max(height, width)), 1
    )
    factor = min(math.ceil(SHORTEST_SIDE_PX / min(height, width)), largest)
    canvas = np.ascontiguousarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1))
    captions = [_shown(text, unsure) for text, unsure in _captions(classification)]
    taken: list[Rectangle] = []
    for region in classification.regions or ():
        box = region.box
        left, top = box.x * factor, box.y * factor
        outline = (left, top, left + box.width * factor - 1, top + box.height * factor - 1)
        _draw_box(canvas, outline, UNSURE if region.unsure else SURE)
        label = "unsure" if region.unsure else _brief(region.predictions[0], classification.text is not None)
        _draw_label(canvas, label, outline, taken)
    for text in reversed(captions):
        _draw_caption(canvas, text, taken)
    return canvas


def _captions(classification: Classification) -> Iterator[tuple[str, bool]]:
    """Yield the lines that hold for the whole picture, and whether each is unsure."""
    if classification.predictions:
        yield _with_probability(classification.predictions[0]), classification.unsure
    if classification.text is not None:
        yield classification.text, classification.unsure
    elif classification.regions is not None and classification.note:
        yield classification.note, False


def _shown(text: str, unsure: bool) -> str:
    return f"unsure ({text})" if unsure else text


def _brief(prediction: Prediction, glyph: bool) -> str:
    return prediction.label if glyph else _with_probability(prediction)


def _with_probability(prediction: Prediction) -> str:
    return f"{prediction.label} {prediction.probability:.0%}"


def _draw_box(canvas: NDArray[np.uint8], outline: Rectangle, colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = outline
    width = max(min(canvas.shape[:2]) // 240, 1)
    cv2.rectangle(canvas, (left, top), (right, bottom), BLACK, 3 * width)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, width)


def _draw_label(canvas: NDArray[np.uint8], text: str, outline: Rectangle, taken: list[Rectangle]) -> None:
    """Write `text` above the box, else below, else inside it: where no other label stands."""
    left, top, right, bottom = outline
    width, height, scale = _measure(canvas, text)
    x = min(max((left + right - width) // 2, 0), max(canvas.shape[1] - width, 0))
    places = [(x, top - height), (x, bottom + 1), (x, top + 1), (x, bottom - height)]
    free = [place for place in places if _is_free(canvas, place, (width, height), taken)]
    _write(canvas, text, (free or [(x, max(top - height, 0))])[0], (width, height), scale, taken)


def _draw_caption(canvas: NDArray[np.uint8], text: str, taken: list[Rectangle]) -> None:
    """Write `text` into the upper left corner, else the lower left: where no label stands."""
    width, height, scale = _measure(canvas, text)
    corners = [(0, 0), (0, canvas.shape[0] - height)]
    free = [place for place in corners if _is_free(canvas, place, (width, height), taken)]
    _write(canvas, text, (free or corners)[0], (width, height), scale, taken)


def _measure(canvas: NDArray[np.uint8], text: str) -> tuple[int, int, float]:
    """Return width and height of a label in pixels, and the font's scale; what is too long is written smaller."""
    capitals = max(min(canvas.shape[:2]) * TEXT_SHARE, SMALLEST_TEXT_PX)
    scale = float(cv2.getFontScaleFromHeight(FONT, round(capitals)))
    (width, height), below = cv2.getTextSize(drawable(text), FONT, scale, _thickness(scale))
    room = max(canvas.shape[1] - height, 1)
    if width > room:
        scale *= room / width
        (width, height), below = cv2.getTextSize(drawable(text), FONT, scale, _thickness(scale))
    return width + height, height + 2 * below, scale


def _is_free(canvas: NDArray[np.uint8], place: tuple[int, int], size: tuple[int, int], taken: list[Rectangle]) -> bool:
    left, top, right, bottom = *place, place[0] + size[0], place[1] + size[1]
    inside = left >= 0 and top >= 0 and right <= canvas.shape[1] and bottom <= canvas.shape[0]
    return inside and all(right <= t[0] or left >= t[2] or bottom <= t[1] or top >= t[3] for t in taken)


def _write(
    canvas: NDArray[np.uint8],
    text: str,
    place: tuple[int, int],
    size: tuple[int, int],
    scale: float,
    taken: list[Rectangle],
) -> None:
    (left, top), (width, height) = place, size
    right, bottom = left + width - 1, top + height - 1
    cv2.rectangle(canvas, (left, top), (right, bottom), BLACK, cv2.FILLED)
    cv2.rectangle(canvas, (left, top), (right, bottom), WHITE, 1)
    (text_width, _), below = cv2.getTextSize(drawable(text), FONT, scale, _thickness(scale))
    origin = (left + (width - text_width) // 2, bottom - below)
    cv2.putText(canvas, drawable(text), origin, FONT, scale, WHITE, _thickness(scale), cv2.LINE_AA)
    taken.append((left, top, right + 1, bottom + 1))


def _thickness(scale: float) -> int:
    return max(round(scale * 1.5), 1)


def drawable(text: str) -> str:
    """Return `text` in letters that OpenCV can draw: without accents, other scripts as U+ code points."""
    bare = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else f"<U+{ord(c):04X}>" for c in bare)
