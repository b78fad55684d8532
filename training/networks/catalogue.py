"""The networks by name, each with the input and the number of classes of its source."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from edge.errors import UsageError, reason_of
from training.networks import book
from training.networks.architecture import Architecture
from training.networks.efficientnet_lite import build_efficientnet_lite
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


@dataclass(frozen=True)
class Entry:
    """One network: its builder, and the input (height, width, channels) and number of classes of its source."""

    builder: Callable[[Architecture], keras.Model]
    input: tuple[int, int, int]
    classes: int = 1000

    def build(self, shape: tuple[int, int, int] | None = None, classes: int | None = None) -> keras.Model:
        """Return the network with random weights for `shape` (height, width, channels), or for that of its source.

        Raises UsageError for a size that the network cannot take.
        """
        height, width, channels = shape or self.input
        try:
            return self.builder(Architecture(height, width, channels, classes or self.classes))
        except ValueError as error:
            received = f"{height}x{width}x{channels} ({reason_of(error):.200})"
            raise UsageError(f"the network must be given an input that it can take. Received: {received}") from None


def _build_application(name: str, architecture: Architecture) -> keras.Model:
    shape = (architecture.height, architecture.width, architecture.channels)
    return APPLICATIONS[name](weights=None, input_shape=shape, classes=architecture.classes)


NETWORKS = {
    "shallownet": Entry(book.build_shallownet, (32, 32, 3), 10),
    "lenet": Entry(book.build_lenet, (28, 28, 1), 10),
    "minivggnet": Entry(book.build_minivggnet, (32, 32, 3), 10),
    "mlp-mnist": Entry(book.build_mlp_mnist, (28, 28, 1), 10),
    "mlp-cifar10": Entry(book.build_mlp_cifar10, (32, 32, 3), 10),
    "linear": Entry(book.build_linear, (32, 32, 3), 3),
    "efficientnet-lite0": Entry(partial(build_efficientnet_lite, "efficientnet-lite0"), (224, 224, 3)),
    "efficientnet-lite1": Entry(partial(build_efficientnet_lite, "efficientnet-lite1"), (240, 240, 3)),
    "efficientnet-lite2": Entry(partial(build_efficientnet_lite, "efficientnet-lite2"), (260, 260, 3)),
    "squeezenet": Entry(build_squeezenet, (227, 227, 3)),
    **{name: Entry(partial(_build_application, name), (224, 224, 3)) for name in APPLICATIONS},
    "inceptionv3": Entry(partial(_build_application, "inceptionv3"), (299, 299, 3)),
    "xception": Entry(partial(_build_application, "xception"), (299, 299, 3)),
}
