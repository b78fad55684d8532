"""The artifact without our code: a ten-line script, and another implementation of ONNX."""

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
from edge.steps import Grey, Resize, Scale
from export.preprocess import build_preprocessing
from tests.conftest import Run

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


@pytest.fixture(scope="module")
def pictures(lenet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Held-out digits as they are, one enlarged, one as a JPEG, one with colour."""
    folder = tmp_path_factory.mktemp("pictures")
    with zipfile.ZipFile(lenet_run / "evaluation.zip") as archive:
        digits = [Image.open(BytesIO(archive.read(name))) for name in archive.namelist()[:12]]
    for i, digit in enumerate(digits):
        digit.save(folder / f"native_{i:02}.png")
    digits[0].resize((61, 90)).save(folder / "enlarged.png")
    digits[1].convert("RGB").resize((33, 31)).save(folder / "photo.jpg", quality=90, subsampling=0)
    tinted = (np.asarray(digits[2].convert("RGB")) * np.array([1, 0.6, 0.3])).astype(np.uint8)
    Image.fromarray(tinted).save(folder / "tinted.png")
    return sorted(folder.iterdir())


def test_ten_lines_without_our_code_answer_as_classify(
    lenet_model: Path, pictures: list[Path], tmp_path: Path, eyespot: Run
) -> None:
    command = [sys.executable, "-I", "-c", SCRIPT, str(lenet_model), *map(str, pictures)]
    script = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert script.returncode == 0, script.stderr
    ours = eyespot("classify", lenet_model, *pictures, "--json", "--top", 10)
    assert ours.returncode == 0, ours.stderr
    pairs = list(zip(script.stdout.splitlines(), ours.stdout.splitlines(), strict=True))
    assert len(pairs) == len(pictures) == 15
    for theirs, answer in ((json.loads(a), json.loads(b)) for a, b in pairs):
        mine = {p["label"]: p["probability"] for p in answer["predictions"]}
        # The limit of the issue; both ran the same file, and the decimal text of a float32 is exact.
        assert mine == pytest.approx(theirs, rel=0, abs=1e-6)


def test_reference_evaluator_agrees_where_nothing_is_resized(lenet_model: Path, pictures: list[Path]) -> None:
    model = onnx.load(lenet_model)
    reference, session = ReferenceEvaluator(model), create_session(lenet_model, "test")
    for path in pictures[:6]:
        image = np.asarray(Image.open(path).convert("RGB").resize((28, 28)))[None]
        expected = reference.run(["probabilities"], {"image": image})[0]
        found = session.run(["probabilities"], {"image": image})[0]
        # NumPy and onnxruntime sum float32 products in another order.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert found.argmax() == expected.argmax()


def test_reference_evaluator_agrees_behind_the_seam(lenet_model: Path, pictures: list[Path], tmp_path: Path) -> None:
    parts = {"front": (["image"], ["network_input"]), "back": (["network_input"], ["probabilities"])}
    for name, (inputs, outputs) in parts.items():
        onnx.utils.extract_model(str(lenet_model), str(tmp_path / f"{name}.onnx"), inputs, outputs)
    front = create_session(tmp_path / "front.onnx", "test")
    back = ReferenceEvaluator(onnx.load(tmp_path / "back.onnx"))
    whole = create_session(lenet_model, "test")
    for path in pictures:
        image = np.asarray(Image.open(path).convert("RGB"))[None]
        seam = front.run(["network_input"], {"image": image})[0]
        expected = back.run(["probabilities"], {"network_input": seam})[0]
        # NumPy and onnxruntime sum float32 products in another order.
        np.testing.assert_allclose(whole.run(["probabilities"], {"image": image})[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (13, 29), (97, 61), (1, 7)], ids=str)
@pytest.mark.parametrize("method", ["antialias", "linear"])
def test_reference_evaluator_prepares_the_same_picture(method: str, size: tuple[int, int]) -> None:
    model = build_preprocessing((Resize(28, 28, method), Grey(), Scale(1 / 255)))
    image = np.random.default_rng(size[1]).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    expected = ReferenceEvaluator(model).run(["network_input"], {"image": image})[0]
    found = create_session(model.SerializeToString(), "test").run(["network_input"], {"image": image})[0]
    # The reference rounds once, behind both passes of the resize; onnxruntime rounds behind each, as Pillow
    # does, and computes linear weights in float32. Either moves a value to the next level, no further.
    assert np.abs(found - expected).max() <= 1 / 255 + 1e-6
