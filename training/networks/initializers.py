"""Weight initialisers by name, as in the Starter Bundle, chapter 16.

LeCun: Y. LeCun et al., Efficient BackProp, 1998. Glorot: X. Glorot, Y. Bengio, Understanding the Difficulty of Training
Deep Feedforward Neural Networks, 2010. He: K. He et al., Delving Deep into Rectifiers, 2015.
"""

from functools import partial

import keras

from edge.cli import unknown_name
from edge.errors import UsageError

DEFAULT_INITIALIZER = "glorot-uniform"
# Any constant makes all units of a layer learn the same; it is here to see that happen.
SIMPLE = {
    "constant": partial(keras.initializers.Constant, 0.05),
    "uniform": partial(keras.initializers.RandomUniform, -0.05, 0.05),
    "normal": partial(keras.initializers.RandomNormal, stddev=0.05),
}
INITIALIZERS = (*SIMPLE, *(f"{kind}-{law}" for kind in ("lecun", "glorot", "he") for law in ("uniform", "normal")))


def require_initializer(name: str) -> None:
    """Raise UsageError, with the nearest name, if there is no initialiser called `name`."""
    if name not in INITIALIZERS:
        raise UsageError(unknown_name("initialiser", name, INITIALIZERS))


def make_initializer(name: str) -> keras.initializers.Initializer:
    """Return a new initialiser. Raises UsageError, with the nearest name, if there is none called `name`."""
    require_initializer(name)
    return SIMPLE[name]() if name in SIMPLE else keras.initializers.get(name.replace("-", "_"))
