"""The networks: weights counted by hand from the book and the papers, and LeNet by NumPy."""

import keras
import numpy as np
import pytest

from edge.errors import UsageError
from training.networks import book
from training.networks.architecture import Architecture
from training.networks.catalogue import NETWORKS

# Weights and biases, layer by layer.
VGG_CONVOLUTIONS = (27 * 32 + 32) + (288 * 32 + 32) + (288 * 64 + 64) + (576 * 64 + 64)
VGG_PLAIN = VGG_CONVOLUTIONS + (8 * 8 * 64 * 512 + 512) + (512 * 10 + 10)
COUNTED = {
    "lenet": (25 * 20 + 20) + (500 * 50 + 50) + (7 * 7 * 50 * 500 + 500) + (500 * 10 + 10),
    "shallownet": (27 * 32 + 32) + (32 * 32 * 32 * 10 + 10),
    "minivggnet": VGG_PLAIN + 2 * (32 + 32 + 64 + 64 + 512),
    "mlp-mnist": (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10),
    "mlp-cifar10": (3072 * 1024 + 1024) + (1024 * 512 + 512) + (512 * 10 + 10),
    "linear": 3072 * 3 + 3,
    # As published with their weights.
    "squeezenet": 1_235_496,
    "efficientnet-lite0": 4_652_008,
}


@pytest.mark.parametrize(
    "name", [name if name in COUNTED else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_weights_are_as_many_as_counted_by_hand(name: str) -> None:
    network, entry = NETWORKS[name].build(), NETWORKS[name]
    assert (network.input_shape[1:], network.output_shape[1:]) == (entry.input, (entry.classes,))
    if name in COUNTED:
        assert sum(weight.numpy().size for weight in network.trainable_weights) == COUNTED[name]


def test_layers_of_minivggnet_are_in_the_order_of_the_book() -> None:
    network = book.build_minivggnet(Architecture(32, 32, 3, 10))
    block = ["Conv2D", "Activation", "BatchNormalization"]
    dense = ["Flatten", "Dense", "Activation", "BatchNormalization", "Dropout", "Dense", "Activation"]
    assert [type(layer).__name__ for layer in network.layers] == (block * 2 + ["MaxPooling2D", "Dropout"]) * 2 + dense
    assert [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)] == [0.25, 0.25, 0.5]
    assert book.build_minivggnet(Architecture(32, 32, 3, 10), normalised=False).count_params() == VGG_PLAIN


def test_lenet_answers_as_numpy_does() -> None:
    keras.utils.set_random_seed(3)
    network = book.build_lenet(Architecture(8, 8, 1, 3))
    image = np.random.default_rng(3).random((8, 8, 1), np.float32)
    weights = [weight.astype(np.float64) for weight in network.get_weights()]
    features = pool(convolve(image.astype(np.float64), *weights[0:2]))
    features = pool(convolve(features, *weights[2:4])).reshape(-1)
    hidden = np.maximum(features @ weights[4] + weights[5], 0)
    powers = np.exp(hidden @ weights[6] + weights[7])
    # Float32 sums of at most 500 terms against float64.
    np.testing.assert_allclose(np.asarray(network(image[None]))[0], powers / powers.sum(), rtol=0, atol=1e-6)


def convolve(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (0, 1))  # [h, w, c, 5, 5]
    return np.maximum(np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias, 0)


def pool(image: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


def test_an_input_that_is_too_small_is_a_wrong_call() -> None:
    for name in ("squeezenet", "lenet"):
        with pytest.raises(UsageError):
            NETWORKS[name].build((2, 2, 1))
