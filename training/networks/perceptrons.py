"""The multilayer perceptrons and the linear classifier of the Starter Bundle, chapters 8 to 10."""

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_mlp_mnist(architecture: Architecture) -> keras.Model:
    """Return 784-256-128-classes with sigmoid units (chapter 10, MNIST)."""
    return _perceptron(architecture, (256, 128), "sigmoid", "mlp_mnist")


def build_mlp_cifar10(architecture: Architecture) -> keras.Model:
    """Return 3072-1024-512-classes with ReLU units (chapter 10, CIFAR-10)."""
    return _perceptron(architecture, (1024, 512), "relu", "mlp_cifar10")


def build_linear(architecture: Architecture, penalty: keras.regularizers.Regularizer | None = None) -> keras.Model:
    """Return softmax regression on raw pixels, with a penalty on its weights or none (chapters 8 and 9)."""
    return keras.Sequential(
        [
            architecture.input(),
            layers.Flatten(),
            architecture.dense(architecture.classes, kernel_regularizer=penalty),
            layers.Activation("softmax"),
        ],
        name="linear",
    )


def _perceptron(architecture: Architecture, units: tuple[int, ...], activation: str, name: str) -> keras.Model:
    hidden = [layer for n in units for layer in (architecture.dense(n), layers.Activation(activation))]
    return keras.Sequential(
        [
            architecture.input(),
            layers.Flatten(),
            *hidden,
            architecture.dense(architecture.classes),
            layers.Activation("softmax"),
        ],
        name=name,
    )
