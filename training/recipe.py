"""`Recipe` and `HeadRecipe`: all that is decided before a training starts, apart from the data and the machine."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import keras
import msgspec
from keras.optimizers import schedules

from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from edge.steps import CentreCrop, Fit, Resize, ResizeSide, Step
from training.backbones import Backbone
from training.epochs.augmentation import AUGMENTATIONS, Augmentation
from training.networks.architecture import Architecture
from training.transfer.head import Head

ScheduleName = Literal["constant", "time-decay", "step-decay", "cosine"]


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Keras's SGD, with `momentum` in Nesterov's form, or its Adam, and the course of the learning rate from `rate`.

    constant; time-decay: rate / (1 + step * rate / epochs); step-decay: rate * factor ** floor((1 + epoch) /
    every_epochs) with epochs from 0 (Starter Bundle, chapter 16); cosine: down to 0 after a linear rise over the share
    `warm_up` of all steps (I. Loshchilov, F. Hutter, SGDR, 2017).
    """

    name: Literal["SGD", "Adam"] = "Adam"
    rate: float = 1e-3
    schedule: ScheduleName = "constant"
    momentum: float = 0.0
    factor: float = 0.5
    every_epochs: int = 5
    warm_up: float = 0.0

    def make(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.Optimizer:
        """Return a new Keras optimiser for so many steps."""
        rate: float | schedules.LearningRateSchedule = self.rate
        if self.schedule == "time-decay":
            rate = schedules.InverseTimeDecay(self.rate, decay_steps=1, decay_rate=self.rate / epochs)
        elif self.schedule == "step-decay":
            drops = range(1, epochs // self.every_epochs + 2)
            # Keras drops behind a boundary, and counts steps from 0.
            boundaries = [(drop * self.every_epochs - 1) * steps_per_epoch - 1 for drop in drops]
            rate = schedules.PiecewiseConstantDecay(boundaries, [self.rate * self.factor**i for i in (0, *drops)])
        elif self.schedule == "cosine":
            rise = round(self.warm_up * steps_per_epoch * epochs)
            start, rest = self.rate / (rise + 1), steps_per_epoch * epochs - rise
            rate = schedules.CosineDecay(start, rest, warmup_target=self.rate if rise else None, warmup_steps=rise)
        if self.name == "SGD":
            return keras.optimizers.SGD(rate, momentum=self.momentum, nesterov=self.momentum > 0)
        return keras.optimizers.Adam(rate)


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """What all recipes have.

    `dataset` is its own, if it has one. `classes` is given where there must be so many. `regions` is what the model
    will look for in a picture; it is trained on what is found: single glyphs, or faces.
    """

    name: str
    summary: str
    dataset: str = ""
    preprocessing: tuple[Step, ...]
    balanced_classes: bool = False
    classes: int | None = None
    regions: Faces | Glyphs | None = None


@dataclass(frozen=True, kw_only=True)
class EpochSettings:
    """How a network is trained in epochs. The shares are those of test and validation pictures."""

    epochs: int
    batch_size: int = 32
    optimizer: Optimizer = field(default_factory=Optimizer)
    augmentation: Augmentation | None = None
    early_stopping: int | None = None
    test_share: float = 0.25
    validation_share: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Recipe(_Experiment, EpochSettings):
    """A network that is trained from random weights."""

    network: Callable[[Architecture], keras.Model]


@dataclass(frozen=True, kw_only=True)
class FineTuning(EpochSettings):
    """A second phase, in which the last `blocks` of a backbone are trained with a small rate on augmented pictures."""

    blocks: int = 6
    epochs: int = 10
    optimizer: Optimizer = field(default_factory=lambda: Optimizer(rate=3e-4, schedule="cosine", warm_up=0.1))
    augmentation: Augmentation | None = AUGMENTATIONS["strong"]
    early_stopping: int | None = 3
    test_share: float = 0.15
    validation_share: float = 0.15


@dataclass(frozen=True, kw_only=True)
class HeadRecipe(_Experiment):
    """A head that is solved on features: those of `backbone`, or without one the values of the pixels.

    `weights` is a file with a backbone to use in place of ImageNet's weights.
    """

    head: Head
    backbone: Backbone | None = None
    weights: Path | None = None
    fine_tuning: FineTuning | None = None


AnyRecipe = Recipe | HeadRecipe


def with_image_size(recipe: AnyRecipe, size: int) -> AnyRecipe:
    """Return the recipe for square pictures of `size` pixels. Raises UsageError if nothing in it sets a size."""
    sized = [step for step in recipe.preprocessing if isinstance(step, Resize | Fit | CentreCrop)]
    if not sized:
        raise UsageError(f"the recipe {recipe.name} has no step of one size; leave out --image-size")
    steps = list(recipe.preprocessing)
    for i, step in enumerate(steps):
        if isinstance(step, ResizeSide):
            steps[i] = msgspec.structs.replace(step, length=round(step.length * size / sized[-1].height))
        elif step in sized:
            steps[i] = msgspec.structs.replace(step, height=size, width=size)
    return replace(recipe, preprocessing=tuple(steps))
