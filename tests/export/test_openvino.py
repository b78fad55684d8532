"""The artifact in OpenVINO, an implementation of ONNX that shares no code with onnxruntime."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.model import read_spec
from edge.runtime import create_session
from edge.steps import Method, Resize, Scale
from export.graph.session import answers
from export.preprocess import build_preprocessing
from export.quantize.int8 import SCHEMES, measure_ranges, quantise
from export.quiet_tensorflow import start_tensorflow
from tests.export.quantize.test_int8 import IMAGES, PICTURES, small_network

start_tensorflow()
import keras

# In a process of its own: OpenVINO and TensorFlow bring the same libraries along. float32 is asked for, because
# it computes in bfloat16 where the processor can.
SCRIPT = """
import sys
import numpy, openvino
core = openvino.Core()
model = core.compile_model(core.read_model(sys.argv[1]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
numpy.save(sys.argv[3], next(iter(model([numpy.load(sys.argv[2])]).values())))
"""


def run_openvino(model: Path, batch: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "in.npy", batch)
    command = [sys.executable, "-I", "-c", SCRIPT, str(model), str(folder / "in.npy"), str(folder / "out.npy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "out.npy")


@pytest.fixture(scope="module")
def digits(lenet_run: Path) -> np.ndarray:
    """All held-out digits at the size of the network, where nothing is left to resize; uint8 [N, 28, 28, 3]."""
    with zipfile.ZipFile(lenet_run / "evaluation.zip") as archive:
        pictures = [Image.open(BytesIO(archive.read(name))) for name in archive.namelist()]
    return np.stack([np.asarray(picture.convert("RGB").resize((28, 28))) for picture in pictures])


def test_openvino_agrees_with_keras_and_with_onnxruntime(
    lenet_model: Path, lenet_run: Path, digits: np.ndarray, tmp_path: Path
) -> None:
    found = run_openvino(lenet_model, digits, tmp_path)
    by_onnxruntime = create_session(lenet_model, "test").run(["probabilities"], {"image": digits})[0]
    # The limit that export has for Keras and onnxruntime: float32 sums in another order.
    np.testing.assert_allclose(found, by_onnxruntime, rtol=0, atol=1e-5)
    front = create_session(build_preprocessing(read_spec(lenet_model).preprocessing).SerializeToString(), "test")
    seam = front.run(["network_input"], {"image": digits})[0]
    by_keras = keras.models.load_model(lenet_run / "model.keras").predict(seam, verbose=0)
    np.testing.assert_allclose(found, by_keras, rtol=0, atol=2e-5)  # the sum of two such differences
    assert np.array_equal(found.argmax(axis=1), by_keras.argmax(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("target", SCHEMES)
def test_openvino_computes_eight_bits_alike(target: str, tmp_path: Path) -> None:
    network = small_network()
    small = quantise(network, measure_ranges(network, PICTURES), SCHEMES[target])  # type: ignore[index]
    (tmp_path / "int8.onnx").write_bytes(small.SerializeToString())
    found = run_openvino(tmp_path / "int8.onnx", IMAGES, tmp_path)
    # One step of 256 in one of eight features, where a value stood on the edge between two levels.
    np.testing.assert_allclose(found, answers(small, IMAGES), rtol=0, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["area", "linear", "nearest"])
@pytest.mark.parametrize("size", [(13, 29), (97, 61), (240, 320)], ids=str)
def test_openvino_resizes_alike_to_within_a_level(method: Method, size: tuple[int, int], tmp_path: Path) -> None:
    """Not so `antialias`: OpenVINO leaves the filter out where it shrinks, and is wrong by up to half the range."""
    front = build_preprocessing((Resize(28, 28, method), Scale(1 / 255)))
    (tmp_path / "front.onnx").write_bytes(front.SerializeToString())
    image = np.random.default_rng(size[1]).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    expected = create_session(front.SerializeToString(), "test").run(["network_input"], {"image": image})[0]
    difference = np.abs(run_openvino(tmp_path / "front.onnx", image, tmp_path) - expected)
    # Summed in float32 in another order and then rounded, so that half a level may fall to either side.
    assert difference.max() <= 1 / 255 + 1e-6
    assert (difference < 1e-6).mean() >= 0.99
