"""The optimisers of the recipes, as data, so that a table and a test can read them."""

from dataclasses import dataclass
from typing import ClassVar

import keras


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent (Starter Bundle, chapter 9), with momentum and Nesterov's form of it."""

    kind: ClassVar[str] = "SGD"
    momentum: float = 0.0
    nesterov: bool = False

    def make(self, rate: float) -> keras.optimizers.Optimizer:
        """Return a new Keras optimiser that starts at `rate`."""
        return keras.optimizers.SGD(rate, momentum=self.momentum, nesterov=self.nesterov)


@dataclass(frozen=True)
class Adam:
    """D. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, 2015, with Keras's settings."""

    kind: ClassVar[str] = "Adam"

    def make(self, rate: float) -> keras.optimizers.Optimizer:
        """Return a new Keras optimiser that starts at `rate`."""
        return keras.optimizers.Adam(rate)


Optimizer = Sgd | Adam
