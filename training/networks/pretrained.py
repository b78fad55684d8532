"""The ImageNet networks of the Starter Bundle, chapter 20, and two for small devices, from keras.applications.

Their weights, preprocessing and labels stand in training/pretrained; here are the networks, with random weights.
"""

from collections.abc import Callable

import keras

from edge.cli import unknown_name
from edge.errors import UsageError, reason_of
from training.networks.architecture import Architecture

PRETRAINED: dict[str, Callable[..., keras.Model]] = {
    "vgg16": keras.applications.VGG16,
    "vgg19": keras.applications.VGG19,
    "resnet50": keras.applications.ResNet50,
    "inceptionv3": keras.applications.InceptionV3,
    "xception": keras.applications.Xception,
    "mobilenetv2": keras.applications.MobileNetV2,
    "efficientnetv2-b0": keras.applications.EfficientNetV2B0,
}


def build_application(name: str, architecture: Architecture) -> keras.Model:
    """Return a network of keras.applications with random weights.

    Raises UsageError for an unknown name, and for a size that the network cannot take.
    """
    if name not in PRETRAINED:
        raise UsageError(unknown_name("network", name, list(PRETRAINED)))
    try:
        return PRETRAINED[name](
            weights=None,
            input_shape=(architecture.height, architecture.width, architecture.channels),
            classes=architecture.classes,
        )
    except ValueError as error:
        raise UsageError(f"{name}: {reason_of(error)}") from None
