"""The networks by name, each with the input and the number of classes that its source has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from edge.cli import unknown_name
from edge.errors import UsageError, reason_of
from training.networks.architecture import Architecture
from training.networks.efficientnet_lite import build_efficientnet_lite
from training.networks.lenet import build_lenet
from training.networks.minivggnet import build_minivggnet
from training.networks.perceptrons import build_linear, build_mlp_cifar10, build_mlp_mnist
from training.networks.shallownet import build_shallownet
from training.networks.squeezenet import build_squeezenet

# The networks of keras.applications: those of the Starter Bundle, chapter 20, and two for small devices.
APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    "vgg16": keras.applications.VGG16,
    "vgg19": keras.applications.VGG19,
    "resnet50": keras.applications.ResNet50,
    "inceptionv3": keras.applications.InceptionV3,
    "xception": keras.applications.Xception,
    "mobilenetv2": keras.applications.MobileNetV2,
    "efficientnetv2-b0": keras.applications.EfficientNetV2B0,
}
# Of the networks of ImageNet's 1,000 classes, those that take another size than 224 x 224.
SIDES_PX = {
    "efficientnet-lite1": 240,
    "efficientnet-lite2": 260,
    "squeezenet": 227,
    "inceptionv3": 299,
    "xception": 299,
}


@dataclass(frozen=True)
class Entry:
    """One network: what builds it, the input (height, width, channels) and the classes of its source."""

    build: Callable[[Architecture], keras.Model]
    input: tuple[int, int, int]
    classes: int


def _application(name: str, architecture: Architecture) -> keras.Model:
    shape = (architecture.height, architecture.width, architecture.channels)
    return APPLICATIONS[name](weights=None, input_shape=shape, classes=architecture.classes)


def _imagenet(name: str, build: Callable[[Architecture], keras.Model]) -> Entry:
    side = SIDES_PX.get(name, 224)
    return Entry(build, (side, side, 3), 1000)


NETWORKS = {
    "shallownet": Entry(build_shallownet, (32, 32, 3), 10),
    "lenet": Entry(build_lenet, (28, 28, 1), 10),
    "minivggnet": Entry(build_minivggnet, (32, 32, 3), 10),
    "mlp-mnist": Entry(build_mlp_mnist, (28, 28, 1), 10),
    "mlp-cifar10": Entry(build_mlp_cifar10, (32, 32, 3), 10),
    "linear": Entry(build_linear, (32, 32, 3), 3),
    **{
        name: _imagenet(name, partial(build_efficientnet_lite, name))
        for name in ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
    },
    "squeezenet": _imagenet("squeezenet", build_squeezenet),
    **{name: _imagenet(name, partial(_application, name)) for name in APPLICATIONS},
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
    except ValueError as error:
        received = "x".join(map(str, shape or entry.input))
        raise UsageError(f"{name} cannot be built for an input of {received} ({reason_of(error):.200})") from None
