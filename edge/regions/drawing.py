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
from itertools import chain, count
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
    picture = Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1))
    draw, line = ImageDraw.Draw(picture), max(min(picture.size) // 240, 1)
    for region in classification.regions or ():
        box, best = region.box, region.predictions[0]
        left, top = box.x * factor, box.y * factor
        right, bottom = left + box.width * factor - 1, top + box.height * factor - 1
        draw.rectangle((left - line, top - line, right + line, bottom + line), outline=BLACK, width=3 * line)
        draw.rectangle((left, top, right, bottom), outline=UNSURE if region.unsure else SURE, width=line)
        text = best.label if classification.text is not None else f"{best.label} {best.probability:.0%}"
        _write(picture, "unsure" if region.unsure else text, (left + right) // 2, top)
    caption = classification.text
    if classification.predictions:
        caption = f"{classification.predictions[0].label} {classification.predictions[0].probability:.0%}"
    if classification.unsure and caption:
        caption = f"unsure ({caption})"
    if caption or (classification.note and classification.regions is not None):
        _write(picture, caption or classification.note or "", 0, 0)
    return np.array(picture)


def _write(picture: Image.Image, text: str, centre: int, bottom: int) -> None:
    """Write a label around the column `centre` and above the row `bottom`, or as near as the picture has room."""
    (width, height), text = picture.size, drawable(text)
    size = max(min(width, height) * TEXT_SHARE, SMALLEST_TEXT_PX)
    if (length := _font(size).getlength(text)) > (room := max(width - size, 1)):  # a long text is written smaller
        size = max(size * room / length, 1.0)
    font = _font(size)
    across, down = math.ceil(font.getlength(text) + size), math.ceil(1.5 * size)
    left, top = min(max(centre - across // 2, 0), max(width - across, 0)), max(bottom - down, 0)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, top, left + across - 1, top + down - 1), fill=BLACK, outline=WHITE)
    draw.text((left + across / 2, top + down / 2), text, WHITE, font, anchor="mm")


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
        is_jpeg = source.suffix.lower() in JPEG_SUFFIXES
        suffix, folder = source.suffix if is_jpeg else ".png", os.path.realpath(self._folder)
        names = (f"{source.stem}-annotated{number}{suffix}" for number in chain([""], count(-2, -1)))
        name = next(name for name in names if os.path.join(folder, name) not in self._taken)
        self._taken.add(os.path.join(folder, name))
        target, encoded = self._folder / name, BytesIO()
        try:
            Image.fromarray(annotate(pixels, classification)).save(encoded, **(JPEG if is_jpeg else PNG))
        except (OSError, ValueError) as error:
            raise OutputError(f"{target}: this copy cannot be encoded ({error})") from None
        with replacing(target) as temporary:
            temporary.write_bytes(encoded.getvalue())
        return target
