"""The preprocessing steps, as data: export compiles them to an ONNX graph, which is all that ever executes them.

A picture enters as integer levels 0 to 255, RGB.
"""

from math import isqrt
from typing import Literal

import msgspec

from edge.errors import ImageError, UsageError

LARGEST_SIDE_PX = 8192

# A resize to at most so many pixels is always accepted.
LARGEST_RESULT_PX = 16_000_000
# How many times as many pixels as from a square picture a resize may make from a long and narrow one.
MOST_ELONGATED = 4

# `area`, `linear`, `cubic` and `nearest` are those of OpenCV, `antialias` and `antialias-cubic` are Pillow's
# BILINEAR and BICUBIC (filters as wide as the scale), and `tf` and `tf-antialias` are tf.image.resize.
Method = Literal["area", "linear", "cubic", "nearest", "antialias", "antialias-cubic", "tf", "tf-antialias"]
Border = Literal["constant", "replicate"]


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    @property
    def kind(self) -> str:
        """The name of the step in JSON."""
        return str(self.__struct_config__.tag)


class Resize(_Step, frozen=True, tag="resize"):
    """Stretch to `height` x `width` pixels.

    The result is rounded to integer levels 0 to 255 as the imitated library does; `tf` and `tf-antialias` keep
    fractions, as TensorFlow does.
    """

    height: int
    width: int
    method: Method

    def __post_init__(self) -> None:
        _check_side("resize: height", self.height)
        _check_side("resize: width", self.width)


class ResizeSide(_Step, frozen=True, tag="resize_side"):
    """Stretch so that the `shorter` or the `longer` side has `length` pixels, keeping the aspect ratio.

    The other side gets what that gives, cut to an integer, but at least one pixel.
    """

    side: Literal["shorter", "longer"]
    length: int
    method: Method

    def __post_init__(self) -> None:
        _check_side("resize_side: length", self.length)


class CentreCrop(_Step, frozen=True, tag="centre_crop"):
    """Keep the middle `height` x `width` pixels; what a smaller picture lacks is black on both sides.

    Where the border cannot be even, the upper and left one is the narrower.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        _check_side("centre_crop: height", self.height)
        _check_side("centre_crop: width", self.width)


class Pad(_Step, frozen=True, tag="pad"):
    """Add a border, in pixels: of the level `value`, or of copies of the outermost pixels (then `value` is 0)."""

    top: int
    bottom: int
    left: int
    right: int
    border: Border
    value: int

    def __post_init__(self) -> None:
        for name in ("top", "bottom", "left", "right"):
            if not 0 <= (width := getattr(self, name)) <= LARGEST_SIDE_PX:
                raise ValueError(f"pad: {name} must be 0 to {LARGEST_SIDE_PX} pixels. Received: {width}")
        _check_border("pad", self.border, self.value)


class Fit(_Step, frozen=True, tag="fit"):
    """Stretch to fit into `height` x `width` pixels, keeping the aspect ratio, and fill up with a border.

    The side that touches its limit first decides the scale; the border is equally wide on opposite sides, and
    where that leaves a pixel it is stretched away with `linear`. With `area` and `replicate` this is the
    `preprocess` function of the Starter Bundle, chapter 21, for captchas.
    """

    height: int
    width: int
    method: Method
    border: Border
    value: int

    def __post_init__(self) -> None:
        _check_side("fit: height", self.height)
        _check_side("fit: width", self.width)
        if self.method in ("tf", "tf-antialias"):
            raise ValueError(f"fit: method must be one that gives integer levels. Received: {self.method}")
        _check_border("fit", self.border, self.value)


class Grey(_Step, frozen=True, tag="grey"):
    """Three channels RGB to one of luma, in integer levels 0 to 255 (ITU-R BT.601, rounded as OpenCV does)."""


class ReverseChannels(_Step, frozen=True, tag="reverse_channels"):
    """RGB to BGR, or back."""


class Scale(_Step, frozen=True, tag="scale"):
    """Multiply every level by `factor`; 1/255 brings 0 to 255 into 0 to 1."""

    factor: float

    def __post_init__(self) -> None:
        if self.factor == 0:
            raise ValueError("scale: factor must not be 0, which would erase the picture")


class SubtractMean(_Step, frozen=True, tag="subtract_mean"):
    """Subtract one number from each channel, in the order in which the channels stand here."""

    mean: tuple[float, ...]


class Standardise(_Step, frozen=True, tag="standardise"):
    """Subtract `mean` from each channel and divide by `std`, in the order in which the channels stand here."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise ValueError(f"standardise: {len(self.mean)} means for {len(self.std)} standard deviations")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"standardise: every standard deviation must be above 0. Received: {self.std}")


class ChannelsFirst(_Step, frozen=True, tag="channels_first"):
    """Hand the network [N, c, h, w] in place of [N, h, w, c]; no step that changes the size comes after it."""


Step = (
    Resize
    | ResizeSide
    | CentreCrop
    | Pad
    | Fit
    | Grey
    | ReverseChannels
    | Scale
    | SubtractMean
    | Standardise
    | ChannelsFirst
)


def require_preparable(steps: tuple[Step, ...], height: int, width: int, max_pixels: int) -> None:
    """Raise ImageError, `too_many_pixels`, for a picture so long and narrow that a resize would make a huge one of it.

    Where the shorter side is to become 256 pixels long, 1 x 65,535 pixels become 256 x 16.8 million.
    """
    side = isqrt(max(max_pixels, height * width))
    limit = max(LARGEST_RESULT_PX, MOST_ELONGATED * _largest_result(steps, side, side))
    if (made := _largest_result(steps, height, width)) > limit:
        raise ImageError(
            "too_many_pixels",
            f"{width} x {height} pixels would become {made:,} while they are prepared for the model; "
            f"the limit is {limit:,}; crop the picture",
        )


def _largest_result(steps: tuple[Step, ...], height: int, width: int) -> int:
    """Return the pixels of the largest picture between `steps`, and of those that are resized along one side only."""
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


def require_shrinkable(first: Step) -> None:
    """Raise UsageError unless the `first` step of a preprocessing is a resize, so that the size does not matter."""
    if not isinstance(first, Resize | ResizeSide | Fit):
        raise UsageError(
            f"--fast-decode needs a model whose first step is a resize; this one begins with {first.kind!r}"
        )


def shrink_factor(first: Step, width: int, height: int) -> int:
    """Return by how much a decoder may shrink a picture in front of its `first` step: 8, 4, 2, or 1 for not at all."""
    shorter, longer = sorted((width, height))
    match first:
        case Resize() | Fit():  # either side may become the width: the orientation is not known yet
            ratio = shorter / max(first.width, first.height)
        case ResizeSide():
            ratio = (shorter if first.side == "shorter" else longer) / first.length
        case _:
            return 1
    return next((factor for factor in (8, 4, 2) if ratio >= factor), 1)


def describe(step: Step) -> str:
    """Return one step as a person would say it, for tables and cards."""
    match step:
        case Resize():
            return f"resize to {step.height}x{step.width} ({step.method})"
        case ResizeSide():
            return f"resize {step.side} side to {step.length} ({step.method})"
        case CentreCrop():
            return f"crop the middle {step.height}x{step.width}"
        case Pad():
            return f"pad {step.top}, {step.bottom}, {step.left}, {step.right} ({_describe_border(step)})"
        case Fit():
            return f"fit into {step.height}x{step.width} ({step.method}, {_describe_border(step)})"
        case Grey():
            return "grey"
        case ReverseChannels():
            return "reverse channels"
        case Scale():
            return f"scale by {step.factor:.6g}"
        case SubtractMean():
            return f"subtract {_listed(step.mean)}"
        case Standardise():
            return f"subtract {_listed(step.mean)} and divide by {_listed(step.std)}"
        case ChannelsFirst():
            return "channels first"


def _describe_border(step: Pad | Fit) -> str:
    return step.border if step.border == "replicate" else f"level {step.value}"


def _listed(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.6g}" for value in values)


def _check_side(name: str, side: int) -> None:
    if not 1 <= side <= LARGEST_SIDE_PX:
        raise ValueError(f"{name} must be 1 to {LARGEST_SIDE_PX} pixels. Received: {side}")


def _check_border(name: str, border: Border, value: int) -> None:
    if not 0 <= value <= 255 or (border == "replicate" and value):
        raise ValueError(f"{name}: value must be a level 0 to 255, and 0 for replicate. Received: {value}")
