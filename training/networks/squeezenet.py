"""SqueezeNet 1.1: the accuracy of AlexNet in five megabytes.

After F. Iandola et al., SqueezeNet, 2016, in the form of version 1.1 (fewer and later filters, same accuracy).
"""

import keras
from keras import layers

from training.networks.architecture import Architecture

# Squeezed and expanded filters of fire2 to fire9; a pooling comes before fire2, fire4 and fire6.
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
POOLED_BEFORE = (2, 4, 6)


def build_squeezenet(architecture: Architecture) -> keras.Model:
    """Return an untrained SqueezeNet 1.1; layers carry the names of the published weights (`fire2/squeeze1x1`)."""

    def convolve(x: keras.KerasTensor, filters: int, size: int, name: str, **settings: object) -> keras.KerasTensor:
        return architecture.convolution(filters, size, activation="relu", name=name, **settings)(x)

    image = architecture.input()
    x = convolve(image, 64, 3, "conv1", strides=2, padding="valid")
    for number, (squeezed, expanded) in enumerate(FIRES, 2):
        if number in POOLED_BEFORE:
            x = layers.MaxPooling2D(3, strides=2)(x)
        x = convolve(x, squeezed, 1, f"fire{number}_squeeze1x1")
        sides = [convolve(x, expanded, size, f"fire{number}_expand{size}x{size}") for size in (1, 3)]
        x = layers.Concatenate()(sides)
    x = convolve(layers.Dropout(0.5)(x), architecture.classes, 1, "conv10")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Activation("softmax")(x), name="squeezenet")
