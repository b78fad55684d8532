"""Networks as they come from elsewhere, small and with weights that tell pictures apart."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from edge.classifier import Classifier
from export.parity.pictures import made_pictures

SIDE = 8
LABELS = ("cat", "dog", "owl")


def build(
    ending: list[keras.Layer], shape: tuple[int | None, ...] = (SIDE, SIDE, 3), before: list[keras.Layer] = ()
) -> keras.Model:
    """Return a convolutional network with a given end, whose answers depend on the picture."""
    keras.utils.set_random_seed(11)
    inner = [layers.Conv2D(6, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input(shape), *before, *inner, *ending])


def classifier(units: int = 3, activation: str | None = "softmax", **settings: object) -> keras.Model:
    return build([layers.Dense(units, activation=activation, name="end")], **settings)  # type: ignore[arg-type]


def write_labels(folder: Path, labels: tuple[str, ...] = LABELS) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(labels) + "\n")
    return path


def answers(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return made pictures and what an artifact says of them."""
    model = Classifier.load(path)
    return [(e.pixels, model.probabilities(e.pixels[None])[0]) for e in made_pictures().read("compare")]


def write_keras_2(path: Path) -> np.ndarray:
    """Write a network in the HDF5 layout of Keras 2.15 and return its kernel [3, 3, 3, 1].

    It has what Keras 3 writes otherwise: `batch_input_shape`, dtypes as texts, axes in lists, and `groups` of a
    DepthwiseConv2D, at which Keras 3 stumbles.
    """
    common = {"trainable": True, "dtype": "float32"}
    depthwise = {
        "name": "dw",
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "valid",
        "depth_multiplier": 1,
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        "activation": "linear",
        "use_bias": False,
    }
    first = {"batch_input_shape": [None, SIDE, SIDE, 3], "dtype": "float32", "sparse": False, "ragged": False}
    described = [
        {"class_name": "InputLayer", "config": first | {"name": "input_1"}},
        {"class_name": "DepthwiseConv2D", "config": common | depthwise},
        {"class_name": "GlobalAveragePooling2D", "config": common | {"name": "gap", "data_format": "channels_last"}},
        {"class_name": "Activation", "config": common | {"name": "end", "activation": "softmax"}},
    ]
    kernel = np.random.default_rng(2).normal(0, 0.5, (3, 3, 3, 1)).astype(np.float32)
    with h5py.File(path, "w") as file:
        config = {"class_name": "Sequential", "config": {"name": "old", "layers": described}}
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([b"input_1", b"dw", b"gap", b"end"])
        weights.attrs["keras_version"], weights.attrs["backend"] = "2.15.0", "tensorflow"
        for name in ("input_1", "dw", "gap", "end"):
            weights.create_group(name).attrs["weight_names"] = (
                np.array([b"dw/depthwise_kernel:0"]) if name == "dw" else np.array([], "S1")
            )
        weights["dw"].create_dataset("dw/depthwise_kernel:0", data=kernel)
    return kernel
