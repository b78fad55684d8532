"""The networks: parameters counted by hand from the book's tables, both orders of axes, and k-NN by scikit-learn."""

from functools import partial

import keras
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from edge.errors import DatasetError, UsageError
from training.datasets.digits import load_digits
from training.networks.architecture import Architecture
from training.networks.knn import NearestNeighbours
from training.networks.lenet import build_lenet
from training.networks.minivggnet import build_minivggnet
from training.networks.perceptrons import build_linear, build_mlp_cifar10, build_mlp_mnist
from training.networks.pretrained import PRETRAINED, build_application
from training.networks.shallownet import build_shallownet
from training.networks.squeezenet import build_squeezenet

# Weights and biases, layer by layer.
LENET = (25 * 20 + 20) + (25 * 20 * 50 + 50) + (7 * 7 * 50 * 500 + 500) + (500 * 10 + 10)
SHALLOWNET = (27 * 32 + 32) + (32 * 32 * 32 * 3 + 3)
VGG_CONVOLUTIONS = (27 * 32 + 32) + (288 * 32 + 32) + (288 * 64 + 64) + (576 * 64 + 64)
VGG_PLAIN = VGG_CONVOLUTIONS + (8 * 8 * 64 * 512 + 512) + (512 * 10 + 10)
VGG_NORMALISED = VGG_PLAIN + 4 * (32 + 32 + 64 + 64 + 512)
MLP_MNIST = (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10)
MLP_CIFAR10 = (3072 * 1024 + 1024) + (1024 * 512 + 512) + (512 * 10 + 10)
# F. Iandola's SqueezeNet 1.1, as published with its weights.
SQUEEZENET = 1_235_496

NETWORKS = [
    (build_lenet, (28, 28, 1, 10), LENET),
    (build_shallownet, (32, 32, 3, 3), SHALLOWNET),
    (build_minivggnet, (32, 32, 3, 10), VGG_NORMALISED),
    (partial(build_minivggnet, normalised=False), (32, 32, 3, 10), VGG_PLAIN),
    (build_mlp_mnist, (28, 28, 1, 10), MLP_MNIST),
    (build_mlp_cifar10, (32, 32, 3, 10), MLP_CIFAR10),
    (build_linear, (32, 32, 3, 3), 3072 * 3 + 3),
    (build_squeezenet, (227, 227, 3, 1000), SQUEEZENET),
]


@pytest.mark.parametrize(("build", "size", "parameters"), NETWORKS)
def test_parameters_are_those_of_the_book(build, size: tuple[int, int, int, int], parameters: int) -> None:
    assert build(Architecture(*size)).count_params() == parameters


@pytest.mark.parametrize(("build", "size", "parameters"), NETWORKS)
def test_channels_first_is_the_same_network(build, size: tuple[int, int, int, int], parameters: int) -> None:
    height, width, channels, classes = size
    network = build(Architecture(*size, data_format="channels_first"))
    assert network.input_shape == (None, channels, height, width)
    assert network.output_shape == (None, classes)
    assert network.count_params() == parameters


def test_dropout_and_order_of_minivggnet() -> None:
    kinds = [type(layer).__name__ for layer in build_minivggnet(Architecture(32, 32, 3, 10)).layers]
    block = ["Conv2D", "Activation", "BatchNormalization"]
    end = ["MaxPooling2D", "Dropout"]
    dense = ["Flatten", "Dense", "Activation", "BatchNormalization", "Dropout", "Dense", "Activation"]
    assert kinds == (block * 2 + end) * 2 + dense
    rates = [
        x.rate for x in build_minivggnet(Architecture(32, 32, 3, 10)).layers if isinstance(x, keras.layers.Dropout)
    ]
    assert rates == [0.25, 0.25, 0.5]


@pytest.mark.parametrize("k", [1, 3])
def test_knn_is_scikit_learns(k: int) -> None:
    from training.prepare import decode_image

    digits = load_digits()
    images = np.stack([decode_image(digits.read(i)).pixels[:, :, :1] for i in range(600)]).astype(np.float32) / 255
    known, asked, targets = images[:400], images[400:], digits.targets[:400]
    network = NearestNeighbours(k)(Architecture(8, 8, 1, 10), known, targets)
    found = np.asarray(network(asked))
    oracle = KNeighborsClassifier(k).fit(known.reshape(400, -1), targets)
    distances, _ = KNeighborsClassifier(k + 1).fit(known.reshape(400, -1), targets).kneighbors(asked.reshape(200, -1))
    # Where the k-th and the next neighbour are equally far, either may vote.
    settled = distances[:, k] - distances[:, k - 1] > 1e-4
    assert settled.sum() > 190
    assert np.allclose(found[settled], oracle.predict_proba(asked.reshape(200, -1))[settled], atol=1e-6)


def test_knn_needs_as_many_images_as_neighbours() -> None:
    with pytest.raises(DatasetError, match="at least 3"):
        NearestNeighbours(3)(Architecture(2, 2, 1, 2), np.zeros((2, 2, 2, 1), np.float32), np.array([0, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PRETRAINED))
def test_applications_are_built_with_random_weights(name: str) -> None:
    size = 299 if name in ("inceptionv3", "xception") else 224
    network = build_application(name, Architecture(size, size, 3, 1000))
    assert network.output_shape == (None, 1000)


def test_an_unknown_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'resnet50'"):
        build_application("resnet5", Architecture(224, 224, 3, 1000))
