"""The ImageNet networks of the Starter Bundle, chapter 20, and two for small devices, from keras.applications.

Their preprocessing and their labels belong to export, which turns them into artifacts; here are the networks,
to be trained from scratch or from the published weights.
"""

from collections.abc import Callable

import keras

from edge.cli import unknown_name
from edge.errors import UsageError
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


def build_application(name: str, architecture: Architecture, weights: str | None = None) -> keras.Model:
    """Return a network of keras.applications; `weights` is None for random ones, "imagenet", or a file.

    Raises UsageError for an unknown name, and for a size or number of classes that the weights are not for.
    """
    if name not in PRETRAINED:
        raise UsageError(unknown_name("network", name, list(PRETRAINED)))
    try:
        return PRETRAINED[name](
            weights=weights,
            input_shape=(architecture.height, architecture.width, architecture.channels),
            classes=architecture.classes,
        )
    except ValueError as error:
        raise UsageError(f"{name}: {str(error).splitlines()[0]}") from None
