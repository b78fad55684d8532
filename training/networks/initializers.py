"""Weight initialisers by name, as in the Starter Bundle, chapter 16."""

import keras

from edge.cli import unknown_name
from edge.errors import UsageError

# Any constant makes all units of a layer learn the same; it is here to see that happen.
CONSTANT = 0.05
UNIFORM_LIMIT = 0.05
NORMAL_DEVIATION = 0.05

DEFAULT_INITIALIZER = "glorot-uniform"
INITIALIZERS = (
    "constant",
    "uniform",
    "normal",
    "lecun-uniform",
    "lecun-normal",
    DEFAULT_INITIALIZER,
    "glorot-normal",
    "he-uniform",
    "he-normal",
)


def require_initializer(name: str) -> None:
    """Raise UsageError, with the nearest name, if there is no initialiser called `name`."""
    if name not in INITIALIZERS:
        raise UsageError(unknown_name("initialiser", name, INITIALIZERS))


def make_initializer(name: str) -> keras.initializers.Initializer:
    """Return a new initialiser. Raises UsageError, with the nearest name, if there is none called `name`.

    LeCun: Y. LeCun et al., Efficient BackProp, 1998. Glorot: X. Glorot, Y. Bengio, Understanding the Difficulty
    of Training Deep Feedforward Neural Networks, 2010. He: K. He et al., Delving Deep into Rectifiers, 2015.
    """
    require_initializer(name)
    match name:
        case "constant":
            return keras.initializers.Constant(CONSTANT)
        case "uniform":
            return keras.initializers.RandomUniform(-UNIFORM_LIMIT, UNIFORM_LIMIT)
        case "normal":
            return keras.initializers.RandomNormal(stddev=NORMAL_DEVIATION)
        case _:
            return keras.initializers.get(name.replace("-", "_"))
