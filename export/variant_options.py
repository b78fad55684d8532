"""What is asked of a smaller variant; apart from its making, so that `--help` loads nothing heavy."""

from dataclasses import dataclass
from typing import Literal

MAX_DROP_POINTS = 0.5


@dataclass(frozen=True)
class VariantOptions:
    """Eight bits for a kind of processor, or sixteen; and what accuracy may be lost, in points of 100."""

    kind: Literal["int8", "fp16"]
    target: Literal["arm", "x86", "auto"] = "auto"
    max_drop_points: float = MAX_DROP_POINTS
