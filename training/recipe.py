"""`Recipe`: all that is decided before a training starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.spec import Faces, Glyphs
from edge.steps import Step
from training.networks.architecture import Architecture
from training.networks.knn import NearestNeighbours
from training.optimizers import Adam, Optimizer
from training.schedules import Constant, Schedule

if TYPE_CHECKING:
    import keras

Network = Callable[[Architecture], "keras.Model"]
# From a seed to Keras layers that change pictures while training; they never reach the artifact.
Augmentation = Callable[[int], "Sequence[keras.layers.Layer]"]


@dataclass(frozen=True)
class Recipe:
    """One experiment. Exactly one of `network`, which is trained, and `memory`, which needs none, is given.

    `reported` is the accuracy that the source reports, as text. `classes` is given where there must be so many.
    `regions` is what the model will look for in a picture; it is trained on what is found: single glyphs, or faces.
    """

    name: str
    summary: str
    source: str
    reported: str
    dataset: str
    preprocessing: tuple[Step, ...]
    network: Network | None = None
    memory: NearestNeighbours | None = None
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=lambda: Constant(1e-3))
    epochs: int = 0
    batch_size: int = 32
    balanced_classes: bool = False
    augmentation: Augmentation | None = None
    held_out_share: float = 0.25
    classes: int | None = None
    regions: Faces | Glyphs | None = None
