"""LeNet as in the Starter Bundle, chapter 14: two convolutions of 5 x 5 and one hidden layer.

After Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition,
Proceedings of the IEEE, 1998; with ReLU for tanh and max for mean pooling.
"""

import keras
from keras import layers


def build_lenet(input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Return an untrained LeNet, float32 [N, height, width, channels] to probabilities [N, classes]."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(20, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(50, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(500, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="lenet",
    )
