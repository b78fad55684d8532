"""MiniVGGNet as in the Starter Bundle, chapter 15: two pairs of 3 x 3 convolutions, with or without normalisation.

After K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015.
"""

from collections.abc import Iterator

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_minivggnet(architecture: Architecture, normalised: bool = True) -> keras.Model:
    """Return an untrained MiniVGGNet: filters 32, 32, 64, 64, then 512 units; dropout .25, .25, .5.

    As in the book, normalisation stands behind the activation.
    """

    def active(layer: layers.Layer) -> Iterator[layers.Layer]:
        yield layer
        yield layers.Activation("relu")
        if normalised:
            yield architecture.normalisation()

    return keras.Sequential(
        [
            architecture.input(),
            *active(architecture.convolution(32, 3)),
            *active(architecture.convolution(32, 3)),
            architecture.pooling(2),
            layers.Dropout(0.25),
            *active(architecture.convolution(64, 3)),
            *active(architecture.convolution(64, 3)),
            architecture.pooling(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            *active(architecture.dense(512)),
            layers.Dropout(0.5),
            architecture.dense(architecture.classes),
            layers.Activation("softmax"),
        ],
        name="minivggnet" if normalised else "minivggnet_plain",
    )
