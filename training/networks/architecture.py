"""What a network is built for: its input, its classes, and the initialiser of its weights.

Initialisers are those of the Starter Bundle, chapter 16. LeCun: Y. LeCun et al., Efficient BackProp, 1998. Glorot:
X. Glorot, Y. Bengio, Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010. He: K. He et al.,
Delving Deep into Rectifiers, 2015.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
from keras import initializers, layers

DEFAULT_INITIALIZER = "glorot-uniform"
INITIALIZERS: dict[str, Callable[[], initializers.Initializer]] = {
    # With any constant all units of a layer learn the same; it is here to see that happen.
    "constant": partial(initializers.Constant, 0.05),
    "uniform": partial(initializers.RandomUniform, -0.05, 0.05),
    "normal": partial(initializers.RandomNormal, stddev=0.05),
    "lecun-uniform": initializers.LecunUniform,
    "lecun-normal": initializers.LecunNormal,
    "glorot-uniform": initializers.GlorotUniform,
    "glorot-normal": initializers.GlorotNormal,
    "he-uniform": initializers.HeUniform,
    "he-normal": initializers.HeNormal,
}


@dataclass(frozen=True)
class Architecture:
    """Height, width and channels of the pictures, number of classes, and a name out of INITIALIZERS.

    A network takes float32 [N, height, width, channels] and gives probabilities, float32 [N, classes].
    """

    height: int
    width: int
    channels: int
    classes: int
    initializer: str = DEFAULT_INITIALIZER

    def input(self) -> keras.KerasTensor:
        """Return the input of a network."""
        return keras.Input((self.height, self.width, self.channels))

    def convolution(self, filters: int, size: int, **settings: object) -> layers.Layer:
        """Return a square convolution that keeps height and width, unless `settings` change that."""
        settings = {"padding": "same", "kernel_initializer": INITIALIZERS[self.initializer]()} | settings
        return layers.Conv2D(filters, size, **settings)

    def dense(self, units: int, **settings: object) -> layers.Layer:
        """Return a fully connected layer."""
        return layers.Dense(units, kernel_initializer=INITIALIZERS[self.initializer](), **settings)
