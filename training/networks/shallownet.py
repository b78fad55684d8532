"""ShallowNet as in the Starter Bundle, chapter 12: the least that is a convolutional network."""

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_shallownet(architecture: Architecture) -> keras.Model:
    """Return an untrained ShallowNet: one convolution of 32 filters of 3 x 3, ReLU, softmax."""
    return keras.Sequential(
        [
            architecture.input(),
            architecture.convolution(32, 3),
            layers.Activation("relu"),
            layers.Flatten(),
            architecture.dense(architecture.classes),
            layers.Activation("softmax"),
        ],
        name="shallownet",
    )
