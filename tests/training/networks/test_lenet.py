"""LeNet against the figures of the book."""

import numpy as np
import pytest

from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import keras

from training.networks.architecture import Architecture
from training.networks.lenet import build_lenet


def test_layers_are_those_of_the_book() -> None:
    """Starter Bundle, chapter 14: CONV 20 5x5, RELU, POOL 2x2, CONV 50 5x5, RELU, POOL 2x2, FC 500."""
    found = [
        (type(layer).__name__, layer.output.shape[1:], getattr(getattr(layer, "activation", None), "__name__", None))
        for layer in build_lenet(Architecture(28, 28, 1, 10)).layers
    ]
    assert found == [
        ("Conv2D", (28, 28, 20), "linear"),
        ("Activation", (28, 28, 20), "relu"),
        ("MaxPooling2D", (14, 14, 20), None),
        ("Conv2D", (14, 14, 50), "linear"),
        ("Activation", (14, 14, 50), "relu"),
        ("MaxPooling2D", (7, 7, 50), None),
        ("Flatten", (2450,), None),
        ("Dense", (500,), "linear"),
        ("Activation", (500,), "relu"),
        ("Dense", (10,), "linear"),
        ("Activation", (10,), "softmax"),
    ]
    layers = build_lenet(Architecture(28, 28, 1, 10)).layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.kernel_size, layer.strides, layer.padding) for layer in convolutions] == [
        ((5, 5), (1, 1), "same")
    ] * 2


@pytest.mark.parametrize(
    ("shape", "classes", "parameters"),
    [
        # (5*5*1 + 1)*20, (5*5*20 + 1)*50, (7*7*50 + 1)*500, (500 + 1)*10
        ((28, 28, 1), 10, 520 + 25_050 + 1_225_500 + 5_010),
        # (5*5*3 + 1)*20, (5*5*20 + 1)*50, (8*8*50 + 1)*500, (500 + 1)*2
        ((32, 32, 3), 2, 1_520 + 25_050 + 1_600_500 + 1_002),
    ],
    ids=["digits", "colour"],
)
def test_parameters_are_as_many_as_counted_by_hand(shape: tuple[int, int, int], classes: int, parameters: int) -> None:
    assert build_lenet(Architecture(*shape, classes)).count_params() == parameters


def test_it_answers_as_numpy_does() -> None:
    keras.utils.set_random_seed(3)
    network = build_lenet(Architecture(8, 8, 1, 3))
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
