"""The networks of the Starter Bundle that are small enough to read: ShallowNet, LeNet, MiniVGGNet and perceptrons.

All are untrained and end in a separate softmax layer.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import keras
from keras import layers

from training.networks.architecture import Architecture


def build_shallownet(architecture: Architecture) -> keras.Model:
    """Return ShallowNet (chapter 12), the least that is a convolutional network: 32 filters of 3 x 3."""
    parts = (architecture.convolution(32, 3), layers.Activation("relu"), layers.Flatten())
    return _stack(architecture, "shallownet", parts)


def build_lenet(architecture: Architecture) -> keras.Model:
    """Return LeNet (chapter 14): 20 and 50 filters of 5 x 5, 500 units.

    After Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition,
    Proceedings of the IEEE, 1998; with ReLU for tanh and max for mean pooling.
    """
    parts: list[layers.Layer] = []
    for filters in (20, 50):
        parts += [architecture.convolution(filters, 5), layers.Activation("relu"), layers.MaxPooling2D(2)]
    hidden = [layers.Flatten(), architecture.dense(500), layers.Activation("relu")]
    return _stack(architecture, "lenet", [*parts, *hidden])


def build_minivggnet(architecture: Architecture, normalised: bool = True) -> keras.Model:
    """Return MiniVGGNet (chapter 15): 3 x 3 filters 32, 32, 64, 64, then 512 units; dropout .25, .25, .5.

    As in the book, normalisation, where there is one, comes after the activation. After K. Simonyan, A. Zisserman,
    Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015.
    """

    def active(layer: layers.Layer) -> Iterator[layers.Layer]:
        yield from (layer, layers.Activation("relu"))
        if normalised:
            yield layers.BatchNormalization()

    parts: list[layers.Layer] = []
    for filters in (32, 64):
        for _ in range(2):
            parts += active(architecture.convolution(filters, 3))
        parts += [layers.MaxPooling2D(2), layers.Dropout(0.25)]
    hidden = [layers.Flatten(), *active(architecture.dense(512)), layers.Dropout(0.5)]
    return _stack(architecture, "minivggnet" if normalised else "minivggnet_plain", [*parts, *hidden])


def build_perceptron(name: str, units: tuple[int, ...], activation: str, architecture: Architecture) -> keras.Model:
    """Return a multilayer perceptron of so many hidden units; without any it is softmax regression on the pixels."""
    hidden = (layer for n in units for layer in (architecture.dense(n), layers.Activation(activation)))
    return _stack(architecture, name, [layers.Flatten(), *hidden])


# Chapters 8 to 10.
build_linear = partial(build_perceptron, "linear", (), "")
build_mlp_mnist = partial(build_perceptron, "mlp_mnist", (256, 128), "sigmoid")
build_mlp_cifar10 = partial(build_perceptron, "mlp_cifar10", (1024, 512), "relu")


def _stack(architecture: Architecture, name: str, parts: Iterable[layers.Layer]) -> keras.Model:
    head = (architecture.dense(architecture.classes), layers.Activation("softmax"))
    return keras.Sequential([architecture.input(), *parts, *head], name=name)
