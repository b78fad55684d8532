"""LeNet as in the Starter Bundle, chapter 14: two convolutions of 5 x 5 and one hidden layer.

After Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition,
Proceedings of the IEEE, 1998; with ReLU for tanh and max for mean pooling.
"""

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_lenet(architecture: Architecture) -> keras.Model:
    """Return an untrained LeNet: 20 and 50 filters, 500 units."""
    return keras.Sequential(
        [
            architecture.input(),
            architecture.convolution(20, 5),
            layers.Activation("relu"),
            architecture.pooling(2),
            architecture.convolution(50, 5),
            layers.Activation("relu"),
            architecture.pooling(2),
            layers.Flatten(),
            architecture.dense(500),
            layers.Activation("relu"),
            architecture.dense(architecture.classes),
            layers.Activation("softmax"),
        ],
        name="lenet",
    )
