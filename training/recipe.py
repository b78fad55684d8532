"""`Recipe`: all that is decided before a training starts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.steps import Step

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Recipe:
    """One experiment. `optimizer` is given the number of steps that the whole training will take."""

    name: str
    summary: str
    dataset: str
    preprocessing: tuple[Step, ...]
    network: "Callable[[tuple[int, int, int], int], keras.Model]"
    optimizer: "Callable[[int], keras.optimizers.Optimizer]"
    epochs: int
    batch_size: int
