"""Small networks whose weights need no training: random filters and a readout that is solved for, so that their
accuracy is real, and the same wherever NumPy is."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

SHARPNESS = 8.0


def lenet(x: keras.KerasTensor) -> keras.KerasTensor:
    for filters in (20, 50):
        x = layers.MaxPooling2D()(layers.Conv2D(filters, 5, padding="same", activation="relu")(x))
    return layers.Dense(500, activation="relu")(layers.Flatten()(x))


def minivggnet(x: keras.KerasTensor) -> keras.KerasTensor:
    for filters in (32, 64):
        for _ in range(2):
            x = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    return layers.BatchNormalization()(layers.Dense(512, activation="relu")(layers.Flatten()(x)))


def mobilenetv2(x: keras.KerasTensor) -> keras.KerasTensor:
    def norm(y: keras.KerasTensor) -> keras.KerasTensor:
        return layers.BatchNormalization(epsilon=1e-3)(y)

    x = layers.ReLU(6.0)(norm(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)))
    for filters, stride in ((16, 1), (24, 2), (24, 1)):
        y = layers.ReLU(6.0)(norm(layers.Conv2D(4 * x.shape[-1], 1, use_bias=False)(x)))
        y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y) if stride == 2 else y
        y = layers.DepthwiseConv2D(3, strides=stride, padding="valid" if stride == 2 else "same", use_bias=False)(y)
        y = norm(layers.Conv2D(filters, 1, use_bias=False)(layers.ReLU(6.0)(norm(y))))
        x = layers.Add()([x, y]) if x.shape == y.shape else y
    return layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Flatten()(layers.MaxPooling2D(2)(x))])


NETWORKS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "lenet": lenet,
    "minivggnet": minivggnet,
    "mobilenetv2": mobilenetv2,
}
SIDE = {"lenet": 28, "minivggnet": 32, "mobilenetv2": 32}


def digits(side: int, count: int = 1200) -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's handwritten digits as arrays 0 to 1, [N, side, side, 1], and what they show."""
    images, targets = load_digits(return_X_y=True)
    images = images[:count].reshape(-1, 8, 8).astype(np.float32) / 16
    near = np.arange(side) * 8 // side
    return images[:, near][:, :, near, None], targets[:count]


def build(name: str) -> keras.Model:
    """Return a network of ten classes that reads about 95 of 100 digits."""
    generator = np.random.default_rng(7)
    start = keras.Input((SIDE[name], SIDE[name], 1))
    features = keras.Model(start, NETWORKS[name](start))
    for layer in features.layers:
        layer.set_weights([_weights(generator, w.path, w.shape) for w in layer.weights])
    arrays, targets = digits(SIDE[name], 800)
    found = np.asarray(features.predict(arrays, batch_size=100, verbose=0), np.float64)
    found = np.concatenate([found, np.ones((len(found), 1))], axis=1)
    wanted = SHARPNESS * (np.eye(10)[targets] - 0.1)
    ridge = 1e-2 * np.trace(found.T @ found) / found.shape[1] * np.eye(found.shape[1])
    readout = np.linalg.solve(found.T @ found + ridge, found.T @ wanted)
    end = layers.Dense(10, activation="softmax")
    network = keras.Model(start, end(features.output), name=name)
    end.set_weights([readout[:-1].astype(np.float32), readout[-1].astype(np.float32)])
    return network


def _weights(generator: np.random.Generator, path: str, shape: tuple[int, ...]) -> np.ndarray:
    if path.endswith(("gamma", "moving_variance")):
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    if path.endswith(("beta", "moving_mean", "bias")):
        return generator.normal(0, 0.1, shape).astype(np.float32)
    inputs = int(np.prod(shape[:2])) if "depthwise" in path else int(np.prod(shape[:-1]))
    return (generator.normal(0, 1, shape) * np.sqrt(2 / inputs)).astype(np.float32)
