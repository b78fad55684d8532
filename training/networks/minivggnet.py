"""MiniVGGNet as in the Starter Bundle, chapter 15: two pairs of 3 x 3 convolutions, with or without normalisation.

After K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015.
"""

from collections.abc import Iterator

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_minivggnet(architecture: Architecture, normalised: bool = True) -> keras.Model:
    """Return an untrained MiniVGGNet: filters 32, 32, 64, 64, then 512 units; dropout .25, .25, .5.

    As in the book, normalisation comes after the activation.
    """
    return keras.Sequential(
        [
            architecture.input(),
            *_block(architecture, 32, normalised),
            *_block(architecture, 64, normalised),
            layers.Flatten(),
            *_active(architecture, architecture.dense(512), normalised),
            layers.Dropout(0.5),
            architecture.dense(architecture.classes),
            layers.Activation("softmax"),
        ],
        name="minivggnet" if normalised else "minivggnet_plain",
    )


def _block(architecture: Architecture, filters: int, normalised: bool) -> Iterator[layers.Layer]:
    for _ in range(2):
        yield from _active(architecture, architecture.convolution(filters, 3), normalised)
    yield architecture.pooling(2)
    yield layers.Dropout(0.25)


def _active(architecture: Architecture, layer: layers.Layer, normalised: bool) -> Iterator[layers.Layer]:
    yield layer
    yield layers.Activation("relu")
    if normalised:
        yield architecture.normalisation()
