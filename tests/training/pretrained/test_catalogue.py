"""Architecture and preprocessing of the downloadable networks: the artifact against keras.applications itself.

No weights are downloaded. Those here are random, but so that answers depend on the picture; they are written to a file
as Keras does, which `--weights` reads, and the other side is keras.applications' own network and preprocess_input.
"""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.classifier import Classifier
from edge.cli import main
from edge.errors import UsageError
from edge.steps import Resize
from export.quiet_tensorflow import start_tensorflow
from tests.export.preprocess.running import run

start_tensorflow()
import keras

from training.networks.catalogue import NETWORKS
from training.networks.pretrained import PRETRAINED
from training.pretrained.catalogue import PREPROCESSING, pretrained_steps

MODULES = {
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "resnet50": "resnet",
    "inceptionv3": "inception_v3",
    "xception": "xception",
    "mobilenetv2": "mobilenet_v2",
    "efficientnetv2-b0": "efficientnet_v2",
}


def enliven(network: keras.Model, arrays: np.ndarray) -> None:
    """Give a network random weights under which answers to `arrays` differ, and no class is sure.

    The logits of `arrays` get a deviation of 0.5: random networks magnify the rounding of float32, and with logits four
    times as large Keras itself is 2.5e-5 away from the same network in float64 (efficientnetv2-b0; ONNX 1.5e-6).
    """
    generator = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            fan_in = float(np.prod(layer.kernel.shape[:2]))
            layer.kernel.assign(generator.normal(0, np.sqrt(2 / fan_in), layer.kernel.shape))
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            fan_in = float(np.prod(layer.kernel.shape[:-1]))
            layer.kernel.assign(generator.normal(0, np.sqrt(2 / fan_in), layer.kernel.shape))
    last = network.layers[-1]
    features = keras.Model(network.input, last.input)(arrays, training=False)
    last.kernel.assign(last.kernel * (0.5 / np.std(np.asarray(features) @ np.asarray(last.kernel))))


def photographs(side: int) -> np.ndarray:
    """Pictures of the network's own size, so that the resize leaves them as they are."""
    noise = np.random.default_rng(1).integers(0, 256, (3, 9, 9, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(few).resize((side, side), Image.Resampling.BICUBIC)) for few in noise])


def prove(name: str, folder: Path) -> None:
    """The artifact made by the command says what keras.applications says, on pictures of the network's size."""
    network = PRETRAINED[name](weights=None)
    images = photographs(network.input_shape[1])
    arrays = import_module(f"keras.applications.{MODULES[name]}").preprocess_input(images.astype(np.float32))
    enliven(network, arrays)
    network.save_weights(folder / "w.weights.h5")
    command = ["pretrained", name, "--weights", folder / "w.weights.h5", "--output", folder / "m.onnx"]
    assert main([str(word) for word in command]) == 0
    expected = np.asarray(network(arrays, training=False))
    found = Classifier.load(folder / "m.onnx").probabilities(images)
    assert np.ptp(expected, axis=0).max() > 1e-4, "the pictures must matter"
    # Float32 sums in another order through up to a hundred layers; answers that matter are a thousand times larger.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.slow
def test_mobilenetv2_answers_as_keras_applications(tmp_path: Path) -> None:
    prove("mobilenetv2", tmp_path)


@pytest.mark.parametrize("name", PRETRAINED)
def test_pictures_are_prepared_as_keras_applications_prepares_them(name: str) -> None:
    pictures = photographs(NETWORKS[name].input[0])
    expected = import_module(f"keras.applications.{MODULES[name]}").preprocess_input(pictures.astype(np.float32))
    # Float32 numbers up to 255, rounded once or twice.
    np.testing.assert_allclose(run(pretrained_steps(name), pictures), expected, rtol=0, atol=2e-5)


def test_every_network_that_can_be_built_is_described() -> None:
    assert set(PREPROCESSING) == {*PRETRAINED, "squeezenet"}
    for name in PREPROCESSING:
        resize = pretrained_steps(name)[0]
        assert isinstance(resize, Resize)
        assert (resize.height, resize.width) == NETWORKS[name].input[:2]


@pytest.mark.slow
def test_weights_of_another_network_and_none_at_all_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "other.weights.h5").read_bytes()[:300])
    for name, file, said in (
        ("mobilenetv2", "other.weights.h5", "these are no weights of mobilenetv2 for ImageNet"),
        ("mobilenetv2", "cut.h5", "these are no weights of mobilenetv2 for ImageNet"),
        ("squeezenet", "other.weights.h5", "these are no weights of squeezenet for ImageNet"),
        ("squeezenet", "cut.h5", "these are no weights of squeezenet for ImageNet"),
        ("squeezenet", "missing.h5", "there is no such file of weights"),
        ("squeezenets", "missing.h5", "unknown network 'squeezenets'; did you mean 'squeezenet'?"),
    ):
        command = ["pretrained", name, "--weights", tmp_path / file, "--output", tmp_path / "m.onnx"]
        assert main([str(word) for word in command]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert not (tmp_path / "m.onnx").exists()


def test_a_download_that_fails_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Keras raises where there is no network, from keras/src/utils/file_utils.py."""

    def unreachable(*_: object, **__: object) -> None:
        raise Exception("URL fetch failure on w.h5: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", unreachable)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    assert main(["pretrained", "mobilenetv2", "--output", str(tmp_path / "m.onnx")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "weights of mobilenetv2 cannot be downloaded ([Errno -2] Name or service not known); give them with" in line


def test_steps_of_an_unknown_network() -> None:
    with pytest.raises(UsageError, match="did you mean 'vgg16'"):
        pretrained_steps("vgg-16")
