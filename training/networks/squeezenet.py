"""SqueezeNet 1.1: the accuracy of AlexNet in five megabytes.

After F. Iandola et al., SqueezeNet, 2016, in the form of version 1.1 (fewer and later filters, same accuracy).
"""

import keras
from keras import layers

from training.networks.architecture import Architecture

# Squeezed and expanded filters of fire2 to fire9; a pooling comes before fire2, fire4 and fire6.
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
POOLED_BEFORE = (0, 2, 4)


def build_squeezenet(architecture: Architecture) -> keras.Model:
    """Return an untrained SqueezeNet 1.1; layers carry the names of the published weights (`fire2/squeeze1x1`)."""
    image = architecture.input()
    x = architecture.convolution(64, 3, strides=2, padding="valid", activation="relu", name="conv1")(image)
    for i, (squeezed, expanded) in enumerate(FIRES):
        if i in POOLED_BEFORE:
            x = architecture.pooling(3, strides=2)(x)
        x = _fire(architecture, x, f"fire{i + 2}", squeezed, expanded)
    x = layers.Dropout(0.5)(x)
    x = architecture.convolution(architecture.classes, 1, padding="valid", activation="relu", name="conv10")(x)
    x = layers.GlobalAveragePooling2D(data_format=architecture.data_format)(x)
    return keras.Model(image, layers.Activation("softmax")(x), name="squeezenet")


def _fire(
    architecture: Architecture, x: keras.KerasTensor, name: str, squeezed: int, expanded: int
) -> keras.KerasTensor:
    x = architecture.convolution(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    left = architecture.convolution(expanded, 1, activation="relu", name=f"{name}_expand1x1")(x)
    right = architecture.convolution(expanded, 3, activation="relu", name=f"{name}_expand3x3")(x)
    return layers.Concatenate(axis=architecture.channel_axis)([left, right])
