"""Every recipe to its end: trained, exported, and asked about a picture that it has not seen.

What the artifact must say is computed beside it: Pillow's resize, OpenCV's grey, and Keras on the saved network.
"""

import json
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from eyespot.cli import main
from tests.training.recipes import stand_ins
from tests.training.recipes.stand_ins import StandIn
from training.recipes import RECIPES

# Name: data in the shape of the recipe's own, and options.
RUNS: dict[str, tuple[StandIn, tuple[str, ...]]] = {
    "knn": (stand_ins.animals_folder, ("--k", "3")),
    "linear": (stand_ins.animals_folder, ()),
    "linear-l1": (stand_ins.animals_folder, ()),
    "linear-l2": (stand_ins.animals_folder, ()),
    "mlp-mnist": (stand_ins.mnist_npz, ()),
    "mlp-cifar10": (stand_ins.cifar_npz, ()),
    "shallownet-animals": (stand_ins.animals_folder, ()),
    "shallownet-cifar10": (stand_ins.cifar_npz, ()),
    "lenet": (stand_ins.digits_npz, ()),
    "lenet-mnist": (stand_ins.mnist_npz, ()),
    "minivggnet-cifar10": (stand_ins.cifar_npz, ()),
    "minivggnet-cifar10-plain": (stand_ins.cifar_npz, ()),
    "minivggnet-step": (stand_ins.cifar_npz, ()),
    "minivggnet-step-slow": (stand_ins.cifar_npz, ()),
    "captcha": (stand_ins.glyphs_folder, ("--regions", "glyphs:5")),
    "smiles": (stand_ins.smiles_folder, ()),
    "smiles-book": (stand_ins.smiles_folder, ()),
}
# What the artifacts look for: as the option says, or as the recipe does.
FACES = {"kind": "faces"}
REGIONS = {"captcha": {"kind": "glyphs", "count": 5}, "smiles": FACES, "smiles-book": FACES}
SOLVED = ("knn", "linear", "linear-l1", "linear-l2")
EPOCHS = 2
# The two resizes differ by a level here and there.
TOLERANCE = 0.02


def test_every_recipe_has_a_run() -> None:
    assert RUNS.keys() == RECIPES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_recipe_runs_to_the_end(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, options = RUNS[name]
    run, model = tmp_path / "run", tmp_path / "model.onnx"
    epochs = () if name in SOLVED else ("--epochs", str(EPOCHS))
    assert main(["train", name, "--dataset", str(make(tmp_path)), "--output", str(run), *options, *epochs]) == 0
    assert main(["export", str(run), "--output", str(model)]) == 0
    capsys.readouterr()
    assert main(["info", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regions"] == REGIONS.get(name)
    picture, label, probability = surest_held_out(name, run, tmp_path)
    capsys.readouterr()
    assert main(["classify", str(model), str(picture), "--regions", "none", "--json"]) == 0
    (answer,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert answer["predictions"][0]["label"] == label
    assert answer["predictions"][0]["probability"] == pytest.approx(probability, abs=TOLERANCE)


def surest_held_out(recipe: str, run: Path, folder: Path) -> tuple[Path, str, float]:
    """Write the held-out picture that leaves Keras the least doubt, and return what Keras makes of it."""
    with zipfile.ZipFile(run / "evaluation.zip") as archive:
        pictures = [archive.read(name) for name in archive.namelist()]
    network = keras.models.load_model(run / "model.keras")
    prepare = prepared_glyph if recipe == "captcha" else partial(prepared, shape=network.input_shape[1:])
    probabilities = network.predict_on_batch(np.stack([prepare(picture) for picture in pictures]))
    ordered = np.sort(probabilities, axis=1)
    surest = int((ordered[:, -1] - ordered[:, -2]).argmax())
    (folder / "new.png").write_bytes(pictures[surest])
    labels = json.loads((run / "spec.json").read_text())["labels"]
    return folder / "new.png", labels[probabilities[surest].argmax()], float(ordered[surest, -1])


def prepared(picture: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """What the network must see, float32 [h, w, c] from 0 to 1."""
    height, width, channels = shape
    with Image.open(BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
    return (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None] if channels == 1 else pixels).astype(np.float32) / 255


def prepared_glyph(picture: bytes) -> np.ndarray:
    """What the Starter Bundle, chapter 21, makes of a glyph: the longer side to 28 pixels, then its border repeated."""
    grey = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    scale = 28 / max(grey.shape)
    height, width = (28 if side == max(grey.shape) else int(side * scale) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    rows, columns = (28 - height) // 2, (28 - width) // 2
    square = cv2.resize(cv2.copyMakeBorder(small, rows, rows, columns, columns, cv2.BORDER_REPLICATE), (28, 28))
    return square[:, :, None].astype(np.float32) / 255
