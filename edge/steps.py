"""The preprocessing steps, as data.

They live here because every room reads them: export compiles them to an ONNX graph (the only thing that
ever executes them), edge and serving show them and plan around them. A picture enters as whole levels
0 to 255, RGB.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

LARGEST_SIDE_PX = 8192

# `area`, `linear`, `cubic` and `nearest` are those of OpenCV, `antialias` and `antialias-cubic` are Pillow's
# BILINEAR and BICUBIC (filters as wide as the scale), and `tf` and `tf-antialias` are tf.image.resize.
Method = Literal["area", "linear", "cubic", "nearest", "antialias", "antialias-cubic", "tf", "tf-antialias"]
Border = Literal["constant", "replicate"]


@dataclass(frozen=True)
class Resize:
    """Stretch to `height` x `width` pixels.

    The result is rounded to whole levels 0 to 255 as the imitated library does; `tf` and `tf-antialias` keep
    fractions, as TensorFlow does.
    """

    kind: ClassVar[str] = "resize"
    height: int
    width: int
    method: Method

    def __post_init__(self) -> None:
        _check_side("resize: height", self.height)
        _check_side("resize: width", self.width)


@dataclass(frozen=True)
class ResizeSide:
    """Stretch so that the `shorter` or the `longer` side has `length` pixels, keeping the aspect ratio.

    The other side gets what that gives, cut to a whole number, but at least one pixel.
    """

    kind: ClassVar[str] = "resize_side"
    side: Literal["shorter", "longer"]
    length: int
    method: Method

    def __post_init__(self) -> None:
        _check_side("resize_side: length", self.length)


@dataclass(frozen=True)
class CentreCrop:
    """Keep the middle `height` x `width` pixels; what a smaller picture lacks is black on both sides.

    Where the border cannot be even, the upper and left one is the narrower.
    """

    kind: ClassVar[str] = "centre_crop"
    height: int
    width: int

    def __post_init__(self) -> None:
        _check_side("centre_crop: height", self.height)
        _check_side("centre_crop: width", self.width)


@dataclass(frozen=True)
class Pad:
    """Add a border, in pixels: of the level `value`, or of copies of the outermost pixels (then `value` is 0)."""

    kind: ClassVar[str] = "pad"
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


@dataclass(frozen=True)
class Fit:
    """Stretch to fit into `height` x `width` pixels, keeping the aspect ratio, and fill up with a border.

    The side that touches its limit first decides the scale; the border is equally wide on opposite sides, and
    where that leaves a pixel it is stretched away with `linear`. With `area` and `replicate` this is the
    `preprocess` function of the Starter Bundle, chapter 21, for captchas.
    """

    kind: ClassVar[str] = "fit"
    height: int
    width: int
    method: Method
    border: Border
    value: int

    def __post_init__(self) -> None:
        _check_side("fit: height", self.height)
        _check_side("fit: width", self.width)
        if self.method in ("tf", "tf-antialias"):
            raise ValueError(f"fit: method must be one that gives whole levels. Received: {self.method}")
        _check_border("fit", self.border, self.value)


@dataclass(frozen=True)
class Grey:
    """Three channels RGB to one of luma, in whole levels 0 to 255 (ITU-R BT.601, rounded as OpenCV does)."""

    kind: ClassVar[str] = "grey"


@dataclass(frozen=True)
class ReverseChannels:
    """RGB to BGR, or back."""

    kind: ClassVar[str] = "reverse_channels"


@dataclass(frozen=True)
class Scale:
    """Multiply every level by `factor`; 1/255 brings 0 to 255 into 0 to 1."""

    kind: ClassVar[str] = "scale"
    factor: float

    def __post_init__(self) -> None:
        if self.factor == 0:
            raise ValueError("scale: factor must not be 0, which would erase the picture")


@dataclass(frozen=True)
class SubtractMean:
    """Subtract one number from each channel, in the order in which the channels stand here."""

    kind: ClassVar[str] = "subtract_mean"
    mean: tuple[float, ...]


@dataclass(frozen=True)
class Standardise:
    """Subtract `mean` from each channel and divide by `std`, in the order in which the channels stand here."""

    kind: ClassVar[str] = "standardise"
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise ValueError(f"standardise: {len(self.mean)} means for {len(self.std)} standard deviations")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"standardise: every standard deviation must be above 0. Received: {self.std}")


@dataclass(frozen=True)
class ChannelsFirst:
    """Hand the network [N, c, h, w] in place of [N, h, w, c]; no step that changes the size comes after it."""

    kind: ClassVar[str] = "channels_first"


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
