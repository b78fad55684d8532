"""Smiles from a folder in the layout of SMILES to a picture whose face is found and labelled.

The data set itself is not available here. In its place are faces out of scikit-image's wheel (100 of Labeled
Faces in the Wild, 25 x 25 pixels), labelled by hand below and varied; what this proves is the way, not an accuracy.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from edge.arguments import DONE
from edge.result import Box
from eyespot.cli import main
from tests.edge.regions.photographs import ASTRONAUT_FACE, overlap, photograph

pytestmark = pytest.mark.slow

# By hand, on an enlargement of the first 90: who shows a smile, and who may or may not and is left out.
SMILING = (1, 11, 18, 19, 22, 31, 38, 45, 52, 53, 69, 74, 79, 81, 82, 85)
DOUBTFUL = (4, 8, 9, 12, 13, 23, 27, 33, 37, 39, 66, 75, 84)
VARIANTS = 6
# The graph resizes as Pillow does up to a level here and there; the logits multiply that.
TOLERANCE = 0.02


def write_smiles(folder: Path) -> Path:
    """Faces of 64 x 64 in `positives/positives7` and `negatives/negatives7`, four times as many of the latter."""
    spec = find_spec("skimage")
    assert spec
    assert spec.origin
    faces = np.load(Path(spec.origin).with_name("data") / "lfw_subset.npy")[:90]
    chance = np.random.default_rng(0)
    for index in sorted(set(range(90)) - set(DOUBTFUL)):
        part = folder / ("positives/positives7" if index in SMILING else "negatives/negatives7")
        part.mkdir(parents=True, exist_ok=True)
        face = cv2.resize(np.rint(faces[index] * 255).astype(np.uint8), (72, 72), interpolation=cv2.INTER_CUBIC)
        for variant in range(VARIANTS):
            top, left = chance.integers(0, 9, 2)
            cut = np.clip(face[top : top + 64, left : left + 64] * chance.uniform(0.8, 1.2), 0, 255).astype(np.uint8)
            cv2.imwrite(str(part / f"{index:03}_{variant}.jpg"), cut[:, :: 1 if variant % 2 else -1])
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smiles")
    run, exported = folder / "run", folder / "smiles.onnx"
    dataset = write_smiles(folder / "SMILEs")
    assert main(["train", "smiles", "--dataset", str(dataset), "--output", str(run)]) == 0
    assert main(["export", str(run), "--output", str(exported)]) == 0
    return exported


def keras_answer(run: Path, crop: np.ndarray) -> np.ndarray:
    """What Keras says of a face, resized by Pillow and made grey by OpenCV."""
    small = np.asarray(Image.fromarray(crop).resize((48, 48), Image.Resampling.BILINEAR))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[None, :, :, None].astype(np.float32) / 255
    return np.asarray(keras.models.load_model(run / "model.keras", compile=False)(grey))[0]


def test_the_astronauts_face_is_found_once_and_answered_as_keras_answers(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = photograph("astronaut.png")
    Image.fromarray(picture).save(tmp_path / "astronaut.png")
    drawn = ["--draw", str(tmp_path / "drawn")]
    assert main(["classify", str(model), str(tmp_path / "astronaut.png"), "--json", *drawn]) == DONE
    answer = json.loads(capsys.readouterr().out)
    (region,) = answer["regions"]
    box = Box(**region["box"])
    assert overlap(box, ASTRONAUT_FACE) >= 0.6
    found = {prediction["label"]: prediction["probability"] for prediction in region["predictions"]}
    crop = picture[box.y : box.y + box.height, box.x : box.x + box.width]
    expected = keras_answer(model.parent / "run", crop)
    assert [found["not_smiling"], found["smiling"]] == pytest.approx(expected, abs=TOLERANCE)
    copy = np.asarray(Image.open(tmp_path / "drawn" / "astronaut-annotated.png").convert("RGB"))
    assert copy.shape == picture.shape
    changed = np.flatnonzero((copy != picture).any(axis=(0, 2)))
    assert changed[0] <= box.x
    assert changed[-1] >= box.x + box.width - 1


def test_both_classes_are_learned(model: Path) -> None:
    spec = json.loads((model.parent / "run" / "spec.json").read_text())
    assert spec["labels"] == ["not_smiling", "smiling"]
    report = json.loads((model.parent / "run" / "evaluation" / "report.json").read_text())
    support = {row["label"]: row["support"] for row in report["classes"]}
    recall = {row["label"]: row["recall"] for row in report["classes"]}
    assert support["not_smiling"] > 3 * support["smiling"]
    # One that always says not_smiling would be right on four of five and have a recall of 0 here.
    assert recall["smiling"] >= 0.4
