"""The artifact without our code: a ten-line script, onnx's reference evaluator, and OpenVINO."""

import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image

from edge.runtime import create_session
from edge.steps import Grey, Method, Resize, Scale
from export.graph.session import answers
from export.preprocess import build_preprocessing
from export.quantize.int8 import SCHEMES, measure_ranges, quantise
from export.quiet_tensorflow import start_tensorflow
from tests.conftest import Run
from tests.export.quantize.test_int8 import IMAGES, PICTURES, small_network

# -I keeps our packages out: neither the folder nor the environment of the caller is searched.
SCRIPT = """
import json, sys
import numpy, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
labels = json.loads(session.get_modelmeta().custom_metadata_map["eyespot"])["labels"]
for path in sys.argv[2:]:
    image = numpy.asarray(Image.open(path).convert("RGB"))
    (row,) = session.run(["probabilities"], {"image": image[None]})[0]
    print(json.dumps(dict(zip(labels, row.tolist()))))
foreign = {name.split(".")[0] for name in sys.modules} & {"edge", "export", "training", "serving"}
sys.exit(f"our own code was imported: {foreign}" if foreign else 0)
"""
# In its own process: OpenVINO and TensorFlow bring the same libraries along. float32 is asked for, because it computes
# in bfloat16 where the processor can.
OPENVINO = """
import sys
import numpy, openvino
core = openvino.Core()
model = core.compile_model(core.read_model(sys.argv[1]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
numpy.save(sys.argv[3], next(iter(model([numpy.load(sys.argv[2])]).values())))
"""


def run_openvino(model: onnx.ModelProto, batch: np.ndarray, folder: Path) -> np.ndarray:
    onnx.save(model, folder / "m.onnx")
    np.save(folder / "in.npy", batch)
    command = [sys.executable, "-I", "-c", OPENVINO, *(str(folder / name) for name in ("m.onnx", "in.npy", "out.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "out.npy")


@pytest.fixture(scope="module")
def digits(lenet_run: Path) -> list[Image.Image]:
    with zipfile.ZipFile(lenet_run / "evaluation.zip") as archive:
        return [Image.open(BytesIO(archive.read(name))) for name in archive.namelist()]


@pytest.fixture(scope="module")
def batch(digits: list[Image.Image]) -> np.ndarray:
    """All held-out digits at the size of the network, where nothing is left to resize; uint8 [N, 28, 28, 3]."""
    return np.stack([np.asarray(digit.convert("RGB").resize((28, 28))) for digit in digits])


def test_ten_lines_without_our_code_answer_as_classify(
    lenet_model: Path, digits: list[Image.Image], tmp_path: Path, eyespot: Run
) -> None:
    for i, digit in enumerate(digits[:12]):
        digit.save(tmp_path / f"native_{i:02}.png")
    digits[0].resize((61, 90)).save(tmp_path / "enlarged.png")
    digits[1].convert("RGB").resize((33, 31)).save(tmp_path / "photo.jpg", quality=90, subsampling=0)
    tinted = (np.asarray(digits[2].convert("RGB")) * np.array([1, 0.6, 0.3])).astype(np.uint8)
    Image.fromarray(tinted).save(tmp_path / "tinted.png")
    pictures = sorted(tmp_path.iterdir())
    command = [sys.executable, "-I", "-c", SCRIPT, str(lenet_model), *map(str, pictures)]
    script = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert script.returncode == 0, script.stderr
    ours = eyespot("classify", lenet_model, *pictures, "--json", "--top-k", 10)
    assert ours.returncode == 0, ours.stderr
    pairs = list(zip(script.stdout.splitlines(), ours.stdout.splitlines(), strict=True))
    assert len(pairs) == 15
    for theirs, answer in ((json.loads(a), json.loads(b)) for a, b in pairs):
        mine = {p["label"]: p["probability"] for p in answer["predictions"]}
        # The limit of the issue; both ran the same file, and the decimal text of a float32 is exact.
        assert mine == pytest.approx(theirs, rel=0, abs=1e-6)


def test_other_implementations_and_keras_agree_where_nothing_is_resized(
    lenet_model: Path, lenet_run: Path, batch: np.ndarray, tmp_path: Path
) -> None:
    start_tensorflow()
    import keras

    model = onnx.load(lenet_model)
    found = create_session(lenet_model, "test").run(["probabilities"], {"image": batch})[0]
    by_openvino = run_openvino(model, batch, tmp_path)
    # The limit that export has for Keras and onnxruntime: float32 sums in another order.
    np.testing.assert_allclose(by_openvino, found, rtol=0, atol=1e-5)
    (by_reference,) = ReferenceEvaluator(model).run(["probabilities"], {"image": batch[:20]})
    np.testing.assert_allclose(by_reference, found[:20], rtol=0, atol=1e-5)
    front = onnx.utils.Extractor(model).extract_model(["image"], ["network_input"])
    arrays = create_session(front.SerializeToString(), "test").run(None, {"image": batch})[0]
    by_keras = keras.models.load_model(lenet_run / "model.keras").predict(arrays, verbose=0)
    np.testing.assert_allclose(by_openvino, by_keras, rtol=0, atol=2e-5)  # the sum of two such differences
    assert np.array_equal(by_openvino.argmax(axis=1), by_keras.argmax(axis=1))


@pytest.mark.parametrize("size", [(8, 8), (13, 29), (97, 61), (1, 7)], ids=str)
@pytest.mark.parametrize("method", ["antialias", "linear"])
def test_reference_evaluator_prepares_the_same_picture(method: Method, size: tuple[int, int]) -> None:
    model = build_preprocessing((Resize(28, 28, method), Grey(), Scale(1 / 255)))
    image = np.random.default_rng(size[1]).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    expected = ReferenceEvaluator(model).run(["network_input"], {"image": image})[0]
    found = create_session(model.SerializeToString(), "test").run(["network_input"], {"image": image})[0]
    # The reference rounds once, behind both passes of the resize; onnxruntime rounds behind each, as Pillow
    # does, and computes linear weights in float32. Either moves a value to the next level, no further.
    assert np.abs(found - expected).max() <= 1 / 255 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("target", SCHEMES)
def test_openvino_computes_eight_bits_alike(target: str, tmp_path: Path) -> None:
    network = small_network()
    small = quantise(network, measure_ranges(network, PICTURES), SCHEMES[target])  # type: ignore[index]
    found = run_openvino(small, IMAGES, tmp_path)
    # One step of 256 in one of eight features, where a value is on the edge between two levels.
    np.testing.assert_allclose(found, answers(small, IMAGES), rtol=0, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["area", "linear", "nearest"])
@pytest.mark.parametrize("size", [(13, 29), (97, 61), (240, 320)], ids=str)
def test_openvino_resizes_alike_to_within_a_level(method: Method, size: tuple[int, int], tmp_path: Path) -> None:
    """Not so `antialias`: OpenVINO leaves the filter out where it shrinks, and is wrong by up to half the range."""
    front = build_preprocessing((Resize(28, 28, method), Scale(1 / 255)))
    image = np.random.default_rng(size[1]).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    expected = create_session(front.SerializeToString(), "test").run(["network_input"], {"image": image})[0]
    difference = np.abs(run_openvino(front, image, tmp_path) - expected)
    # Summed in float32 in another order and then rounded, so that half a level may fall to either side.
    assert difference.max() <= 1 / 255 + 1e-6
    assert (difference < 1e-6).mean() >= 0.99
