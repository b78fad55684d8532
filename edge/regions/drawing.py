"""Draw what was found onto a copy of a picture: a box for each region, and labels that can be read on any ground.

Sizes follow the picture, small pictures are enlarged, and text is white on black with a thin light edge. The letters
are those of Pillow's own font, in effect ASCII: accents are left out, other scripts are written as code points.
"""

import math
import os
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge.errors import OutputError, UsageError
from edge.files import replacing
from edge.result import Classification
from edge.sources import STANDARD_INPUT

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom; the last two belong to it

# What is shorter is enlarged by a whole factor, pixel by pixel, so that letters have room; but a strip of one pixel
# by 65,535 is left as it is.
SHORTEST_SIDE_PX = 240
MOST_ENLARGED_PIXELS, LONGEST_ENLARGED_PX = 16_000_000, 65_500  # the longest side that libjpeg takes
# Size of the font as a share of the shorter side, and the least that can be read.
TEXT_SHARE, SMALLEST_TEXT_PX = 0.042, 15
WHITE, BLACK, SURE, UNSURE = (255, 255, 255), (0, 0, 0), (64, 255, 64), (255, 176, 0)
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
JPEG, PNG = {"format": "JPEG", "quality": 92}, {"format": "PNG"}


def annotate(pixels: NDArray[np.uint8], classification: Classification) -> NDArray[np.uint8]:
    """Return a copy of `pixels`, uint8 RGB [H, W, 3], enlarged if it is small, with what was found drawn onto it."""
    height, width = pixels.shape[:2]
    most = min(math.isqrt(MOST_ENLARGED_PIXELS // (height * width)), LONGEST_ENLARGED_PX // max(height, width))
    factor = min(math.ceil(SHORTEST_SIDE_PX / min(height, width)), max(most, 1))
    canvas = _Canvas(Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)))
    for region in classification.regions or ():
        box, best = region.box, region.predictions[0]
        left, top = box.x * factor, box.y * factor
        text = best.label if classification.text is not None else f"{best.label} {best.probability:.0%}"
        outline = (left, top, left + box.width * factor - 1, top + box.height * factor - 1)
        canvas.draw_region(outline, "unsure" if region.unsure else text, UNSURE if region.unsure else SURE)
    if caption := _caption(classification):
        canvas.write(caption, lambda _, text_height: [(0, 0), (0, canvas.height - text_height)])
    return np.array(canvas.picture)


def _caption(answer: Classification) -> str | None:
    """Return the line that holds for the whole picture, if there is one."""
    if answer.regions is None:
        text = f"{answer.predictions[0].label} {answer.predictions[0].probability:.0%}"
    elif answer.text is None:
        return answer.note
    else:
        text = answer.text
    return f"unsure ({text})" if answer.unsure else text


class _Canvas:
    """A picture that is drawn onto; labels keep clear of each other where there is room."""

    def __init__(self, picture: Image.Image) -> None:
        self.picture, self._draw = picture, ImageDraw.Draw(picture)
        self.width, self.height = picture.size
        self._taken: list[Rectangle] = []

    def draw_region(self, outline: Rectangle, text: str, colour: tuple[int, int, int]) -> None:
        """Draw a box, and `text` above it, else below, else inside of it."""
        line = max(min(self.picture.size) // 240, 1)
        left, top, right, bottom = outline
        around = (left - line, top - line, right + line, bottom + line)
        self._draw.rectangle(around, outline=BLACK, width=3 * line)
        self._draw.rectangle(outline, outline=colour, width=line)

        def places(width: int, height: int) -> list[tuple[int, int]]:
            x = min(max((left + right - width) // 2, 0), max(self.width - width, 0))
            return [(x, top - height), (x, bottom + 1), (x, top + 1), (x, bottom - height), (x, max(top - height, 0))]

        self.write(text, places)

    def write(self, text: str, places: Callable[[int, int], list[tuple[int, int]]]) -> None:
        """Write a label at the first of the `places` for its width and height that is free, or else at the last."""
        font, text = _font(max(min(self.picture.size) * TEXT_SHARE, SMALLEST_TEXT_PX)), drawable(text)
        length, room = font.getlength(text), max(self.width - font.size, 1)
        if length > room:  # what is too long is written smaller
            font = _font(max(font.size * room / length, 1.0))
            length = font.getlength(text)
        width, height = math.ceil(length + font.size), math.ceil(1.5 * font.size)
        for left, top in places(width, height):
            area = (left, top, left + width - 1, top + height - 1)
            if self._is_free(*area):
                break
        self._draw.rectangle(area, fill=BLACK, outline=WHITE)
        self._draw.text((left + width / 2, top + height / 2), text, WHITE, font, anchor="mm")
        self._taken.append(area)

    def _is_free(self, left: int, top: int, right: int, bottom: int) -> bool:
        inside = left >= 0 and top >= 0 and right < self.width and bottom < self.height
        return inside and all(right < t[0] or left > t[2] or bottom < t[1] or top > t[3] for t in self._taken)


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OutputError("this Pillow was built without FreeType and draws no text; install Pillow's own wheel")
    return font


def drawable(text: str) -> str:
    """Return `text` in ASCII: without accents, other scripts as U+ code points."""
    bare = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else f"<U+{ord(c):04X}>" for c in bare)


class AnnotatedCopies:
    """Copies named like their source with `-annotated` added, JPEG for a JPEG and PNG for all else.

    Two sources of one name are told apart by a number. A file of an earlier run is replaced, a source never.
    """

    def __init__(self, folder: str | os.PathLike[str], sources: Iterable[str]) -> None:
        """Make the folder. Raises UsageError where something else has its name, OSError where it cannot be made."""
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise UsageError(f"--draw takes a folder. Received: {folder}, which is a file")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._real = os.path.realpath(folder)
        self._taken: set[str] = set()
        for source in sources:  # each by its own name, and, should that be a link, by the file that it leads to
            parent, name = os.path.split(source)
            self._taken |= {os.path.join(os.path.realpath(parent), name), os.path.realpath(source)}

    def write(self, path: str, pixels: NDArray[np.uint8], classification: Classification) -> Path:
        """Write the annotated copy of the picture at `path` and return where it is. Raises OSError."""
        source = Path("standard-input" if path == STANDARD_INPUT else path)
        jpeg, number = source.suffix.lower() in JPEG_SUFFIXES, 1
        stem, suffix = f"{source.stem}-annotated", source.suffix if jpeg else ".png"
        while (real := os.path.join(self._real, f"{stem}{f'-{number}' if number > 1 else ''}{suffix}")) in self._taken:
            number += 1
        self._taken.add(real)
        target, encoded = self._folder / os.path.basename(real), BytesIO()
        try:
            Image.fromarray(annotate(pixels, classification)).save(encoded, **(JPEG if jpeg else PNG))
        except (OSError, ValueError) as error:
            raise OutputError(f"{target}: this copy cannot be encoded ({error})") from None
        with replacing(target) as temporary:
            temporary.write_bytes(encoded.getvalue())
        return target
