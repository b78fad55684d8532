"""Backbones: ImageNet on photographs, values against keras.applications, weights and networks of one's own."""

from importlib import import_module
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EyespotError, ModelError, ModelNotFoundError, UsageError
from export.quiet_tensorflow import start_tensorflow
from tests.export.preprocess.running import run

start_tensorflow()
import keras
from keras import layers

from training.backbones import BACKBONES, cut_head, open_blocks, weights_digest
from training.networks.catalogue import NETWORKS

LITE0 = BACKBONES["efficientnet-lite0"]
MODULES = {"resnet50": "resnet", "mobilenetv2": "mobilenet_v2", "efficientnetv2-b0": "efficientnet_v2"}


@pytest.fixture(scope="module")
def lite0() -> keras.Model:
    return LITE0.build(224)


def photograph(name: str, size: int) -> np.ndarray:
    """A photograph of scikit-image as EfficientNet-Lite takes it, prepared by OpenCV."""
    picture = cv2.imread(str(files("skimage") / "data" / f"{name}.png"))[:, :, ::-1]
    height, width, _ = picture.shape
    shorter = round(size * 256 / 224)
    scale = shorter / min(height, width)
    resized = cv2.resize(picture, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    cropped = resized[top : top + size, left : left + size].astype(np.float32)
    return (cropped - 127) / 128


@pytest.mark.parametrize(
    ("name", "cat"),
    [
        ("efficientnet-lite0", 282),
        pytest.param("efficientnet-lite1", 285, marks=pytest.mark.slow),
        pytest.param("efficientnet-lite2", 285, marks=pytest.mark.slow),
    ],
)
def test_photographs_are_what_they_show(name: str, cat: int) -> None:
    """Tiger or Egyptian cat, espresso, moped."""
    backbone = BACKBONES[name]
    pictures = np.stack([photograph(x, backbone.image_size) for x in ("chelsea", "coffee", "motorcycle_left")])
    network = backbone.classifier()
    assert np.asarray(network(pictures, training=False)).argmax(axis=1).tolist() == [cat, 967, 665]
    # The features with the last layer behind them are the classifier.
    features = np.asarray(backbone.build(backbone.image_size)(pictures, training=False), np.float64)
    kernel, bias = network.layers[-1].get_weights()
    assert features.shape == (3, 1280)
    assert (features @ kernel + bias).argmax(axis=1).tolist() == [cat, 967, 665]


@pytest.mark.parametrize("name", MODULES)
def test_values_are_those_of_keras_applications(name: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    expected = import_module(f"keras.applications.{MODULES[name]}").preprocess_input(pictures.astype(np.float32))
    # Float32 numbers up to 255, rounded once or twice.
    np.testing.assert_allclose(run(BACKBONES[name].values, pictures), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("squeezenet", 512),
        *(pytest.param(name, n, marks=pytest.mark.slow) for name, n in zip(MODULES, (2048, 1280, 1280), strict=True)),
    ],
)
def test_the_features_are_what_the_last_layer_takes(name: str, features: int, tmp_path: Path) -> None:
    backbone = BACKBONES[name]
    network = NETWORKS[name].build()
    network.save_weights(tmp_path / "w.weights.h5")
    built = backbone.build(backbone.image_size, tmp_path / "w.weights.h5")
    assert built.output_shape == (None, features)
    assert weights_digest(built) == weights_digest(cut_head(network))
    (first, *_) = open_blocks(built, 1)
    assert open_blocks(built, 2)[0] != first


def test_weights_of_another_size_or_without_head_are_the_same(lite0: keras.Model, tmp_path: Path) -> None:
    lite0.save_weights(tmp_path / "features.weights.h5")
    lite0.save(tmp_path / "features.keras")
    tuned = keras.Model(lite0.input, layers.Dense(3, "softmax")(layers.Dropout(0.2)(lite0.output)))
    tuned.save_weights(tmp_path / "tuned.weights.h5")
    for size, file in ((64, "tuned.weights.h5"), (96, "features.weights.h5"), (224, "features.keras")):
        found = LITE0.build(size, tmp_path / file)
        assert found.input_shape == (None, size, size, 3)
        assert weights_digest(found) == weights_digest(lite0)
    found.layers[1].set_weights([weight * 2 for weight in found.layers[1].get_weights()])
    assert weights_digest(found) != weights_digest(lite0)


def own_network(sequential: bool) -> keras.Model:
    parts = [
        *(layers.Conv2D(4, 3, name="first"), layers.BatchNormalization(), layers.GlobalAveragePooling2D()),
        *(layers.Dense(5, "relu", name="hidden"), layers.Dropout(0.5), layers.Dense(2), layers.Softmax()),
    ]
    image = keras.Input((32, 32, 3))
    if sequential:
        return keras.Sequential([image, *parts])
    x = image
    for part in parts:
        x = part(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("sequential", [True, False])
def test_a_network_of_ones_own_ends_before_its_last_dense_layer(sequential: bool, tmp_path: Path) -> None:
    network = own_network(sequential)
    network.save(tmp_path / "own.keras")
    built = LITE0.build(32, tmp_path / "own.keras")
    images = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    kernel, bias = network.layers[-2].get_weights()
    logits = np.asarray(built(images, training=False)) @ kernel + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = np.asarray(network(images, training=False))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), expected, atol=1e-6)
    # Without blocks by name, every layer with weights is one.
    assert [open_blocks(built, count) for count in (0, 1, 9)] == [(), ("hidden",), ("first", "hidden")]


def test_what_cannot_be_a_backbone_is_an_error(tmp_path: Path) -> None:
    own_network(True).save(tmp_path / "own.keras")
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Reshape((3, 1024))]).save(tmp_path / "3.keras")
    keras.Sequential([keras.Input((32, 32, 3)), own_network(False)]).save(tmp_path / "inner.keras")
    expected: dict[str, type[EyespotError]] = {
        "missing.keras": ModelNotFoundError,
        "cut.h5": ModelError,
        "3.keras": UsageError,
        "inner.keras": UsageError,
    }
    for file, kind in expected.items():
        with pytest.raises(kind):
            LITE0.build(32, tmp_path / file)
    for wrong in (lambda: LITE0.build(64, tmp_path / "own.keras"), lambda: LITE0.geometry(31)):  # it takes 32 pixels
        with pytest.raises(UsageError):
            wrong()


def test_the_last_blocks_are_opened_and_normalisation_stays_as_it_is(lite0: keras.Model) -> None:
    assert open_blocks(lite0, 1) == ("block16_expand_conv", "block16_depthwise", "block16_project_conv", "head_conv")
    images = np.random.default_rng(0).normal(size=(4, 224, 224, 3)).astype(np.float32)
    assert np.allclose(lite0(images, training=True), lite0(images, training=False))
    assert open_blocks(lite0, 0) == ()
    assert not lite0.trainable_weights
