"""How much memory the preprocessing of a picture takes; one that takes far too much is refused before it begins.

It exists because the pixels of a picture say little about it: where the shorter side is to become 256 pixels long,
1 x 65,535 become 256 x 16.8 million. The sizes are those of the tensors that `export.preprocess` builds, and what
is said here was compared with what onnxruntime takes.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import isqrt

from edge.decode import MAX_PIXELS
from edge.errors import ImageError
from edge.steps import CentreCrop, Fit, Grey, Method, Pad, Resize, ResizeSide, Scale, Standardise, Step, SubtractMean

FLOAT_BYTES = 4
# What `area`, which reads every pixel as a float, takes for one of a large photograph.
BYTES_PER_PIXEL = 18
# How much longer than a square a picture may be, in effect, whatever the model asks for.
ELONGATION = 2


def require_preparable(steps: tuple[Step, ...], shape: tuple[int, ...], max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError, `too_many_pixels`, if a picture of `shape` [H, W, C] takes more memory than ordinary ones do.

    Ordinary is what photographs of `max_pixels` take, or of 50 megapixels where that is more: none that is about as
    wide as high is refused, whatever the steps.
    """
    height, width = shape[:2]
    pixels = max(max_pixels, MAX_PIXELS, height * width)
    taken, limit = preparation_bytes(steps, height, width), pixels * BYTES_PER_PIXEL
    if taken > limit and not is_ordinary(steps, height, width, pixels):
        raise ImageError(
            "too_many_pixels",
            f"{width} x {height} pixels would take {taken / 1e6:,.0f} MB while they are prepared for the model; "
            f"the limit is {limit / 1e6:,.0f} MB; crop the picture",
        )


def is_ordinary(steps: tuple[Step, ...], height: int, width: int, pixels: int) -> bool:
    """Whether a picture takes little more memory in `steps` than a square one of so many `pixels`."""
    side = isqrt(pixels)
    return preparation_bytes(steps, height, width) <= ELONGATION * preparation_bytes(steps, side, side)


@lru_cache(maxsize=1024)  # most pictures of a source have one of a few sizes, and tiny ones are answered in 0.1 ms
def preparation_bytes(steps: tuple[Step, ...], height: int, width: int) -> int:
    """Return about how much memory the most demanding of `steps` takes for one picture, beside the picture itself."""
    picture, most = _Picture(height, width), 0
    for step in steps:
        picture, taken = _after(step, picture)
        most = max(most, taken)
    return most


@dataclass(frozen=True)
class _Picture:
    height: int
    width: int
    channels: int = 3
    level_bytes: int = 1

    @property
    def size_bytes(self) -> int:
        return self.height * self.width * self.channels * self.level_bytes


def _after(step: Step, picture: _Picture) -> tuple[_Picture, int]:
    """Return what a step makes of `picture`, and the bytes that it takes."""
    match step:
        case Resize():
            return _resized(picture, step.height, step.width, step.method)
        case ResizeSide():
            measured = (min if step.side == "shorter" else max)(picture.height, picture.width)
            height, width = (max(side * step.length // measured, 1) for side in (picture.height, picture.width))
            return _resized(picture, height, width, step.method)
        case Fit():
            return _fitted(picture, step)
        case Pad():
            height, width = picture.height + step.top + step.bottom, picture.width + step.left + step.right
            padded = replace(picture, height=height, width=width)
            return padded, padded.size_bytes + _as_floats(padded)
        case CentreCrop():  # what lacks is added first, along the whole of the other side
            height, width = max(picture.height, step.height), max(picture.width, step.width)
            bordered = replace(picture, height=height, width=width)
            return replace(picture, height=step.height, width=step.width), bordered.size_bytes
        case Grey():
            grey = replace(picture, channels=1, level_bytes=FLOAT_BYTES)
            return grey, _as_floats(picture) + 2 * grey.size_bytes
        case Scale() | SubtractMean() | Standardise():
            return replace(picture, level_bytes=FLOAT_BYTES), 2 * _as_floats(picture)
        case _:
            return picture, picture.size_bytes


def _fitted(picture: _Picture, step: Fit) -> tuple[_Picture, int]:
    if picture.width * step.height > picture.height * step.width:
        inner = max(int(picture.height * (step.width / picture.width)), 1), step.width
    else:
        inner = step.height, max(int(picture.width * (step.height / picture.height)), 1)
    resized, taken = _resized(picture, *inner, step.method)
    # The border leaves a pixel at most, which is stretched away.
    fitted, stretched = _resized(
        replace(resized, height=step.height, width=step.width), step.height, step.width, "linear"
    )
    return fitted, max(taken, stretched)


def _resized(picture: _Picture, height: int, width: int, method: Method) -> tuple[_Picture, int]:
    """Return the picture in its new size, and the bytes of the tensors that stand beside each other on the way.

    `lines` are as high as the result and as wide as the source, `columns` the other way round.
    """
    level, floats = picture.level_bytes, FLOAT_BYTES
    source, result = picture.height * picture.width, height * width
    lines, columns = height * picture.width, picture.height * width
    grows = height > picture.height or width > picture.width
    resized = replace(picture, height=height, width=width, level_bytes=1)
    match method:
        case "antialias" | "antialias-cubic":
            taken = columns + (1 + floats) * result + (source if level == floats else 0)
        case "nearest":
            resized = replace(resized, level_bytes=level)
            taken = 2 * level * (lines + result) + floats * result
        case "tf" | "tf-antialias":
            resized = replace(resized, level_bytes=floats)
            taken = floats * (source + result + (columns if method == "tf-antialias" else 0))
        case "cubic":  # four lines for each of the result, as they are and as floats
            taken = 4 * (level + floats) * lines + 6 * floats * result
        case "area" if not grows:
            read = (-(-picture.height // height) + 1) * lines
            taken = (level + floats) * read + floats * lines
        case "linear" | "area":  # two lines for each of the result, upright and turned on their side
            taken = 4 * level * lines + 34 * result
    return resized, taken * picture.channels


def _as_floats(picture: _Picture) -> int:
    return replace(picture, level_bytes=FLOAT_BYTES).size_bytes
