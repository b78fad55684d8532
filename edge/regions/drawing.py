"""Draw boxes and labels onto a copy of a picture, with Pillow alone.

Sizes follow the picture, small pictures are enlarged, and text is white on black. Pillow's own font has ASCII only:
accents are left out, other scripts are written as code points.
"""

import math
import os
import unicodedata
from collections.abc import Iterable
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

# A shorter side than this is enlarged by a whole factor, so that letters have room, up to what libjpeg takes.
SHORTEST_SIDE_PX, MOST_ENLARGED_PIXELS, LONGEST_ENLARGED_PX = 240, 16_000_000, 65_500
# Size of the font as a share of the shorter side, and the smallest that is legible.
TEXT_SHARE, SMALLEST_TEXT_PX = 0.042, 15
WHITE, BLACK, SURE, UNSURE = (255, 255, 255), (0, 0, 0), (64, 255, 64), (255, 176, 0)
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
JPEG, PNG = {"format": "JPEG", "quality": 92}, {"format": "PNG"}


def annotate(pixels: NDArray[np.uint8], classification: Classification) -> NDArray[np.uint8]:
    """Return a copy of `pixels`, uint8 RGB [H, W, 3], enlarged if it is small, with the classification drawn on it."""
    height, width = pixels.shape[:2]
    most = min(math.isqrt(MOST_ENLARGED_PIXELS // (height * width)), LONGEST_ENLARGED_PX // max(height, width))
    factor = min(math.ceil(SHORTEST_SIDE_PX / min(height, width)), max(most, 1))
    canvas = _Canvas(Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)))
    for region in classification.regions or ():
        box, best = region.box, region.predictions[0]
        left, top = box.x * factor, box.y * factor
        right, bottom = left + box.width * factor - 1, top + box.height * factor - 1
        text = best.label if classification.text is not None else f"{best.label} {best.probability:.0%}"
        canvas.outline(left, top, right, bottom, UNSURE if region.unsure else SURE)
        text, centre = "unsure" if region.unsure else text, (left + right) // 2
        canvas.write(text, centre, [(top, -1), (bottom + 1, 0), (top + 1, 0), (bottom, -1), (0, 0)])
    caption = classification.text
    if classification.predictions:
        caption = f"{classification.predictions[0].label} {classification.predictions[0].probability:.0%}"
    if classification.unsure and caption:
        caption = f"unsure ({caption})"
    if caption or (classification.note and classification.regions is not None):
        canvas.write(caption or classification.note or "", 0, [(0, 0), (canvas.picture.height, -1)])
    return np.array(canvas.picture)


class _Canvas:
    """A picture with boxes and labels; labels do not cover each other where there is room."""

    def __init__(self, picture: Image.Image) -> None:
        self.picture, self._draw = picture, ImageDraw.Draw(picture)
        self._taken: list[tuple[int, int, int, int]] = []

    def outline(self, left: int, top: int, right: int, bottom: int, colour: tuple[int, int, int]) -> None:
        """Draw a box with a black rim."""
        line = max(min(self.picture.size) // 240, 1)
        self._draw.rectangle((left - line, top - line, right + line, bottom + line), outline=BLACK, width=3 * line)
        self._draw.rectangle((left, top, right, bottom), outline=colour, width=line)

    def write(self, text: str, centre: int, places: list[tuple[int, int]]) -> None:
        """Write a label around the column `centre`, at the first of the `places` that is free, or at the last.

        A place is a row, and 0 for a label below it, -1 for one above it.
        """
        (width, height), text = self.picture.size, drawable(text)
        size = max(min(width, height) * TEXT_SHARE, SMALLEST_TEXT_PX)
        length, room = _font(size).getlength(text), max(width - size, 1)
        if length > room:  # a long text is written smaller
            size = max(size * room / length, 1.0)
        font = _font(size)
        across, down = math.ceil(font.getlength(text) + size), math.ceil(1.5 * size)
        left = min(max(centre - across // 2, 0), max(width - across, 0))
        right = left + across - 1
        for row, side in places:
            top = row + side * down
            bottom = top + down - 1
            free = all(right < t[0] or left > t[2] or bottom < t[1] or top > t[3] for t in self._taken)
            if free and top >= 0 and bottom < height:
                break
        area = (left, top, right, bottom)
        self._draw.rectangle(area, fill=BLACK, outline=WHITE)
        self._draw.text((left + across / 2, top + down / 2), text, WHITE, font, anchor="mm")
        self._taken.append(area)


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

    Sources of one name get numbers. A file of an earlier run is replaced, a source never.
    """

    def __init__(self, folder: str | os.PathLike[str], sources: Iterable[str]) -> None:
        """Make the folder. Raises UsageError where it is a file, OSError where it cannot be made."""
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise UsageError(f"--draw takes a folder. Received: {folder}, which is a file")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._taken: set[str] = set()
        for source in sources:  # by its own name, and, should that be a link, by its file's
            parent, name = os.path.split(source)
            self._taken |= {os.path.join(os.path.realpath(parent), name), os.path.realpath(source)}

    def write(self, path: str, pixels: NDArray[np.uint8], classification: Classification) -> Path:
        """Write the annotated copy of the picture at `path` and return its path. Raises OSError."""
        source = Path("standard-input" if path == STANDARD_INPUT else path)
        is_jpeg, number = source.suffix.lower() in JPEG_SUFFIXES, ""
        suffix = source.suffix if is_jpeg else ".png"
        while True:
            target = self._folder / f"{source.stem}-annotated{number}{suffix}"
            if (real := os.path.join(os.path.realpath(self._folder), target.name)) not in self._taken:
                break
            number = f"-{int(number[1:] or 1) + 1}"
        self._taken.add(real)
        encoded = BytesIO()
        try:
            Image.fromarray(annotate(pixels, classification)).save(encoded, **(JPEG if is_jpeg else PNG))
        except (OSError, ValueError) as error:
            raise OutputError(f"{target}: this copy cannot be encoded ({error})") from None
        with replacing(target) as temporary:
            temporary.write_bytes(encoded.getvalue())
        return target
