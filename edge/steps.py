"""The preprocessing steps, as data.

They live here because every room reads them: export compiles them to an ONNX graph (the only thing that
ever executes them), edge and serving show them and plan around them.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

LARGEST_SIDE_PX = 8192


@dataclass(frozen=True)
class Resize:
    """Stretch to `height` x `width` pixels and round to whole levels 0 to 255.

    `antialias` is Pillow's BILINEAR (a triangle filter as wide as the scale, so that shrinking averages);
    `linear` is OpenCV's INTER_LINEAR (two by two neighbours, whatever the scale).
    """

    kind: ClassVar[str] = "resize"
    height: int
    width: int
    method: Literal["antialias", "linear"]

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if not 1 <= side <= LARGEST_SIDE_PX:
                raise ValueError(f"resize: {name} must be 1 to {LARGEST_SIDE_PX} pixels. Received: {side}")


@dataclass(frozen=True)
class Grey:
    """Three channels RGB to one of luma, in whole levels 0 to 255 (ITU-R BT.601, rounded as OpenCV does)."""

    kind: ClassVar[str] = "grey"


@dataclass(frozen=True)
class Scale:
    """Multiply every level by `factor`; 1/255 brings 0 to 255 into 0 to 1."""

    kind: ClassVar[str] = "scale"
    factor: float

    def __post_init__(self) -> None:
        if self.factor == 0:
            raise ValueError("scale: factor must not be 0, which would erase the picture")


Step = Resize | Grey | Scale


def describe(step: Step) -> str:
    """Return one step as a person would say it, for tables and cards."""
    match step:
        case Resize():
            return f"resize to {step.height}x{step.width} ({step.method})"
        case Grey():
            return "grey"
        case Scale():
            return f"scale by {step.factor:.6g}"
