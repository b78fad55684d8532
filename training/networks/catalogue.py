"""The networks by name, each with the input and the number of classes that its source has.

It exists so that a network can be built from its name alone, to be looked at for instance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from edge.cli import unknown_name
from edge.errors import UsageError, reason_of
from training.networks.architecture import Architecture
from training.networks.lenet import build_lenet
from training.networks.minivggnet import build_minivggnet
from training.networks.perceptrons import build_linear, build_mlp_cifar10, build_mlp_mnist
from training.networks.pretrained import PRETRAINED, build_application
from training.networks.shallownet import build_shallownet
from training.networks.squeezenet import build_squeezenet

IMAGENET_CLASSES = 1000
# Of the networks of keras.applications, those that take another size than 224 x 224.
LARGER_SIDES_PX = {"inceptionv3": 299, "xception": 299}


@dataclass(frozen=True)
class Entry:
    """One network: what builds it, the input (height, width, channels) and the classes of its source."""

    build: Callable[[Architecture], keras.Model]
    input: tuple[int, int, int]
    classes: int


NETWORKS = {
    "shallownet": Entry(build_shallownet, (32, 32, 3), 10),
    "lenet": Entry(build_lenet, (28, 28, 1), 10),
    "minivggnet": Entry(build_minivggnet, (32, 32, 3), 10),
    "mlp-mnist": Entry(build_mlp_mnist, (28, 28, 1), 10),
    "mlp-cifar10": Entry(build_mlp_cifar10, (32, 32, 3), 10),
    "linear": Entry(build_linear, (32, 32, 3), 3),
    "squeezenet": Entry(build_squeezenet, (227, 227, 3), IMAGENET_CLASSES),
    **{
        name: Entry(partial(build_application, name), (side, side, 3), IMAGENET_CLASSES)
        for name in PRETRAINED
        for side in [LARGER_SIDES_PX.get(name, 224)]
    },
}


def build_network(name: str, shape: tuple[int, int, int] | None = None, classes: int | None = None) -> keras.Model:
    """Return a network with random weights for `shape` (height, width, channels), or for those of its source.

    Raises UsageError for an unknown name, and for a size that the network cannot take.
    """
    if name not in NETWORKS:
        raise UsageError(unknown_name("network", name, list(NETWORKS)))
    entry = NETWORKS[name]
    try:
        return entry.build(Architecture(*(shape or entry.input), classes or entry.classes))
    except UsageError:
        raise
    except ValueError as error:
        received = "x".join(map(str, shape or entry.input))
        reason = reason_of(error)
        raise UsageError(f"{name} cannot be built for an input of {received} ({reason}); give a larger one") from None
