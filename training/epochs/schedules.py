"""How the learning rate changes over a training: pure functions, the same for running, drawing and resuming.

Source: Starter Bundle, chapters 11 and 16; the cosine from I. Loshchilov, F. Hutter, SGDR, 2017.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Progress:
    """Where a training is: a step counted from 0, the length of an epoch and of the whole, the losses so far.

    `validation_losses` has one entry for each epoch that is over.
    """

    step: int
    steps_per_epoch: int
    epochs: int
    validation_losses: Sequence[float] = ()


@dataclass(frozen=True)
class Constant:
    """The same rate throughout."""

    kind: ClassVar[str] = "constant"
    rate: float

    def at(self, progress: Progress) -> float:  # noqa: ARG002 # all schedules are asked alike
        """Return the learning rate of the step that is about to be taken."""
        return self.rate


@dataclass(frozen=True)
class TimeDecay:
    """The book's decay, `rate / (1 + decay * step)`."""

    kind: ClassVar[str] = "time-decay"
    rate: float
    decay: float

    def at(self, progress: Progress) -> float:
        """Return the learning rate of the step that is about to be taken."""
        return self.rate / (1 + self.decay * progress.step)


@dataclass(frozen=True)
class StepDecay:
    """The book's drops, `rate * factor ** floor((1 + epoch) / every_epochs)` with epochs counted from 0."""

    kind: ClassVar[str] = "step-decay"
    rate: float
    factor: float
    every_epochs: int

    def at(self, progress: Progress) -> float:
        """Return the learning rate of the step that is about to be taken."""
        epoch = progress.step // progress.steps_per_epoch
        return self.rate * self.factor ** ((1 + epoch) // self.every_epochs)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `rate` to 0, after a linear rise over the share `warm_up` of all steps."""

    kind: ClassVar[str] = "cosine"
    rate: float
    warm_up: float = 0.0

    def at(self, progress: Progress) -> float:
        """Return the learning rate of the step that is about to be taken."""
        total = progress.steps_per_epoch * progress.epochs
        rise = self.warm_up * total
        if progress.step < rise:
            return self.rate * (progress.step + 1) / (rise + 1)
        return self.rate * 0.5 * (1 + math.cos(math.pi * (progress.step - rise) / (total - rise)))


@dataclass(frozen=True)
class Plateau:
    """Multiply by `factor` each time the validation loss has not reached a new low for `patience_epochs`."""

    kind: ClassVar[str] = "plateau"
    rate: float
    factor: float
    patience_epochs: int

    def at(self, progress: Progress) -> float:
        """Return the learning rate of the step that is about to be taken."""
        rate, lowest, waited = self.rate, math.inf, 0
        for loss in progress.validation_losses:
            waited = 0 if loss < lowest else waited + 1
            lowest = min(loss, lowest)
            if waited == self.patience_epochs:
                rate, waited = rate * self.factor, 0
        return rate


Schedule = Constant | TimeDecay | StepDecay | Cosine | Plateau


def curve(schedule: Schedule, steps_per_epoch: int, epochs: int, every: int = 1) -> list[float]:
    """Return the rate of each step, or of one in `every` from the first, where the validation loss keeps falling."""
    return [schedule.at(Progress(step, steps_per_epoch, epochs)) for step in range(0, steps_per_epoch * epochs, every)]
