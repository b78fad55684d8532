"""The preprocessing steps, as data: export compiles them to an ONNX graph, which alone executes them.

A picture enters as integer levels 0 to 255, RGB.
"""

from functools import cache
from math import isqrt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ImageError

LARGEST_SIDE_PX = 8192

# A resize to at most so many pixels is always accepted.
LARGEST_RESULT_PX = 16_000_000
# How many times as many pixels as from a square picture a resize may make from a long and narrow one.
MOST_ELONGATED = 4

# `area`, `linear`, `cubic` and `nearest` are those of OpenCV, `antialias` and `antialias-cubic` are Pillow's
# BILINEAR and BICUBIC (filters as wide as the scale), and `tf` and `tf-antialias` are tf.image.resize.
LevelMethod = Literal["area", "linear", "cubic", "nearest", "antialias", "antialias-cubic"]
Method = Literal[LevelMethod, "tf", "tf-antialias"]
Border = Literal["constant", "replicate"]

Side = Annotated[int, Meta(ge=1, le=LARGEST_SIDE_PX)]
Margin = Annotated[int, Meta(ge=0, le=LARGEST_SIDE_PX)]
Level = Annotated[int, Meta(ge=0, le=255)]


# To read the types of a class again for each struct takes 10 ms for the counts of 20 labels.
_fields_of = cache(msgspec.structs.fields)


class Checked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct whose fields must be of their types when it is made, too, and not only when it is read."""

    def __post_init__(self) -> None:
        for field in _fields_of(type(self)):
            value = getattr(self, field.name)
            try:
                msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                name = f"{type(self).__name__}.{field.encode_name}"
                raise ValueError(f"{name}: {error}. Received: {value!r:.60}") from None


class Kind(Checked, frozen=True, tag_field="kind"):
    """A struct whose JSON says under `kind` which one it is."""

    @property
    def kind(self) -> str:
        """The name in the JSON."""
        return str(self.__struct_config__.tag)


class Resize(Kind, frozen=True, tag="resize"):
    """Stretch to `height` x `width` pixels.

    The result is rounded to integer levels 0 to 255 as the imitated library does; `tf` and `tf-antialias` keep
    fractions, as TensorFlow does.
    """

    height: Side
    width: Side
    method: Method


class ResizeSide(Kind, frozen=True, tag="resize_side"):
    """Stretch so that the `shorter` or the `longer` side has `length` pixels, keeping the aspect ratio.

    The other side gets what that gives, cut to an integer, but at least one pixel.
    """

    side: Literal["shorter", "longer"]
    length: Side
    method: Method


class CentreCrop(Kind, frozen=True, tag="centre_crop"):
    """Keep the middle `height` x `width` pixels; a smaller picture gets black borders, the upper and left narrower."""

    height: Side
    width: Side


class Pad(Kind, frozen=True, tag="pad"):
    """Add a border, in pixels: of the level `value`, or of copies of the outermost pixels (then `value` is 0)."""

    top: Margin
    bottom: Margin
    left: Margin
    right: Margin
    border: Border
    value: Level

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_border(self)


class Fit(Kind, frozen=True, tag="fit"):
    """Stretch to fit into `height` x `width` pixels, keeping the aspect ratio, with equal borders on opposite sides.

    Where that leaves a pixel it is stretched away with `linear`. With `area` and `replicate` this is `preprocess` of
    the Starter Bundle, chapter 21.
    """

    height: Side
    width: Side
    method: LevelMethod
    border: Border
    value: Level

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_border(self)


class Grey(Kind, frozen=True, tag="grey"):
    """Three channels RGB to one of luma, in integer levels 0 to 255 (ITU-R BT.601, rounded as OpenCV does)."""


class ReverseChannels(Kind, frozen=True, tag="reverse_channels"):
    """RGB to BGR, or back."""


class Scale(Kind, frozen=True, tag="scale"):
    """Multiply every level by `factor`; 1/255 brings 0 to 255 into 0 to 1."""

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor == 0:
            raise ValueError("scale: factor must not be 0, which would erase the picture")


class SubtractMean(Kind, frozen=True, tag="subtract_mean"):
    """Subtract a number from each channel, in their order at this step."""

    mean: tuple[float, ...]


class Standardise(Kind, frozen=True, tag="standardise"):
    """Subtract `mean` from each channel and divide by `std`, in the order of the channels at this step."""

    mean: tuple[float, ...]
    std: tuple[Annotated[float, Meta(gt=0)], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.mean) != len(self.std):
            raise ValueError(f"standardise: {len(self.mean)} means for {len(self.std)} standard deviations")


class ChannelsFirst(Kind, frozen=True, tag="channels_first"):
    """Give the network [N, c, h, w] instead of [N, h, w, c]; no step that changes the size comes after it."""


Geometry = Resize | ResizeSide | CentreCrop | Pad | Fit
Step = Geometry | Grey | ReverseChannels | Scale | SubtractMean | Standardise | ChannelsFirst


def require_preparable(steps: tuple[Step, ...], height: int, width: int, max_pixels: int) -> None:
    """Raise ImageError, `too_many_pixels`, for a picture so long and narrow that a resize would make a huge one of it.

    With a shorter side of 256 pixels, 1 x 65,535 pixels would become 256 x 16.8 million.
    """
    side = isqrt(max(max_pixels, height * width))
    limit = max(LARGEST_RESULT_PX, MOST_ELONGATED * largest_result(steps, side, side))
    if (made := largest_result(steps, height, width)) > limit:
        became = f"{width} x {height} pixels would become {made:,} in the preprocessing"
        raise ImageError("too_many_pixels", f"{became}; the limit is {limit:,}; crop the picture")


def largest_result(steps: tuple[Step, ...], height: int, width: int) -> int:
    """Return the pixels of the largest picture between `steps`, or within one that resizes side by side."""
    largest = 0
    for step in steps:
        before = height, width
        match step:
            case Resize() | Fit():
                height, width = step.height, step.width
            case ResizeSide():
                measured = (min if step.side == "shorter" else max)(height, width)
                height, width = (max(side * step.length // measured, 1) for side in before)
            case CentreCrop():  # what lacks is added first, along the whole of the other side
                largest = max(largest, max(height, step.height) * max(width, step.width))
                height, width = step.height, step.width
            case Pad():
                height, width = height + step.top + step.bottom, width + step.left + step.right
            case _:
                continue
        largest = max(largest, height * width)
        if isinstance(step, Resize | ResizeSide | Fit):
            largest = max(largest, height * before[1])
    return largest


def shrink_factor(first: Step, width: int, height: int) -> int:
    """Return by how much a decoder may shrink a picture before the `first` step: 8, 4, 2, or 1 for not at all."""
    shorter, longer = sorted((width, height))
    match first:
        case Resize() | Fit():  # EXIF orientation may still turn the picture
            ratio = shorter / max(first.width, first.height)
        case ResizeSide():
            ratio = (shorter if first.side == "shorter" else longer) / first.length
        case _:
            return 1
    return next((factor for factor in (8, 4, 2) if ratio >= factor), 1)


def describe(step: Step) -> str:
    """Return one step in words."""
    match step:
        case Resize():
            return f"resize to {step.height}x{step.width} ({step.method})"
        case ResizeSide():
            return f"resize {step.side} side to {step.length} ({step.method})"
        case CentreCrop():
            return f"crop the middle {step.height}x{step.width}"
        case Pad() | Fit():
            border = step.border if step.border == "replicate" else f"level {step.value}"
            if isinstance(step, Fit):
                return f"fit into {step.height}x{step.width} ({step.method}, {border})"
            return f"pad {step.top}, {step.bottom}, {step.left}, {step.right} ({border})"
        case Scale():
            return f"scale by {step.factor:.6g}"
        case SubtractMean() | Standardise():
            mean, *std = ("/".join(f"{value:.6g}" for value in values) for values in msgspec.structs.astuple(step))
            return f"subtract {mean}" + "".join(f" and divide by {divisors}" for divisors in std)
        case _:
            return step.kind.replace("_", " ")


def _check_border(step: Pad | Fit) -> None:
    if step.border == "replicate" and step.value:
        raise ValueError(f"{step.kind}: value must be 0 for replicate. Received: {step.value}")
