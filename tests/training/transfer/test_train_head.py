"""Photographs on a small backbone given as a file: out-of-fold figures, test pictures, fine-tuning, resumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from edge.errors import UsageError
from export.quiet_tensorflow import start_tensorflow
from tests.training.conftest import SMALL_PX, draw_photographs
from tests.training.epochs.test_training import contents, interrupt

start_tensorflow()
import keras

from training.backbones import cut_head
from training.train import Run, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_photographs(tmp_path_factory.mktemp("data") / "photographs", 24)


@pytest.fixture(scope="module")
def frozen(photographs: Path, own_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = tmp_path_factory.mktemp("runs") / "frozen"
    return train(str(photographs), output=output, weights=own_backbone, image_size=SMALL_PX)


def test_figures_are_out_of_fold_and_of_all_pictures(frozen: Run, photographs: Path) -> None:
    record = json.loads((frozen.path / "evaluation" / "report.json").read_text())
    assert (record["evaluated_on"], record["images"], record["baseline_accuracy"]) == ("out-of-fold", 72, 1 / 3)
    assert frozen.accuracy == record["accuracy"]
    assert [phase["name"] for phase in record["phases"]] == ["head"]
    assert frozen.spec.training
    assert (frozen.spec.training.evaluated_on, frozen.spec.training.training_images) == ("out-of-fold", 72)
    network = keras.models.load_model(frozen.path / "model.keras")
    names = sorted(photographs.rglob("*.png"))
    pixels = np.stack([cropped(path) for path in names])
    features = np.asarray(cut_head(network)((pixels - 127) / 128))
    targets = [path.parent.name for path in names]
    # Fitted on all and asked about the same, scikit-learn is right as often as the network, and that is flattered.
    probabilities = np.asarray(network((pixels - 127) / 128))
    fitted = np.array(frozen.spec.labels)[probabilities.argmax(1)]
    strength = float(record["phases"][0]["head"].partition("strength=")[2].partition(",")[0].rstrip(")"))
    oracle = LogisticRegression(C=strength, max_iter=5000).fit(features, targets)
    assert accuracy_score(targets, fitted) == pytest.approx(oracle.score(features, targets), abs=0.06)
    assert frozen.accuracy <= accuracy_score(targets, fitted) + 0.02


def cropped(path: Path) -> np.ndarray:
    """The middle 32 pixels of a picture whose shorter side has 37."""
    with Image.open(path) as image:
        small = image.resize((int(image.width * 37 / 38), 37), Image.Resampling.BILINEAR)
    left, top = (small.width - 32) // 2, (37 - 32) // 2
    return np.asarray(small.crop((left, top, left + 32, top + 32)), np.float32)


def test_test_pictures_are_for_the_final_figures_alone(
    photographs: Path, frozen: Run, own_backbone: Path, tmp_path: Path
) -> None:
    """With other test pictures the network is the same; without any the figures are out-of-fold."""
    own = {"weights": own_backbone, "image_size": SMALL_PX}
    draw_photographs(tmp_path / "wrong", 4, seed=9)
    (tmp_path / "wrong" / "amber").rename(tmp_path / "wrong" / "x")
    (tmp_path / "wrong" / "blue").rename(tmp_path / "wrong" / "amber")
    (tmp_path / "wrong" / "x").rename(tmp_path / "wrong" / "blue")
    run = train(str(photographs), output=tmp_path / "run", test=str(tmp_path / "wrong"), **own)
    assert run.spec.training
    assert (run.spec.training.evaluated_on, run.evaluation.report.images) == ("test", 12)
    assert run.spec.training.training_images == 72
    assert run.accuracy < frozen.accuracy
    assert frozen.spec.training
    assert run.spec.training.temperature == frozen.spec.training.temperature
    for one, other in zip(
        *(keras.models.load_model(path / "model.keras").get_weights() for path in (run.path, frozen.path)), strict=True
    ):
        assert np.array_equal(one, other)


TUNED: dict[str, Any] = {"image_size": SMALL_PX, "fine_tune": True, "epochs": 4, "augment": "light"}


def test_fine_tuning_is_kept_where_it_is_better_and_goes_on_where_it_was_interrupted(
    photographs: Path, own_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**TUNED, "weights": own_backbone, "learning_rate": 0.01}
    whole = train(str(photographs), output=tmp_path / "whole", **options)
    head, tuned = json.loads((whole.path / "evaluation" / "report.json").read_text())["phases"]
    assert (head["name"], tuned["name"]) == ("head", "fine-tuning")
    assert tuned["kept"] is True
    assert tuned["validation_accuracy"] >= head["validation_accuracy"]
    assert whole.spec.training
    assert whole.spec.training.evaluated_on == "test"
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train(str(photographs), output=tmp_path / "cut", **options)
    with pytest.raises(UsageError):
        train(str(photographs), output=tmp_path / "cut", resume=True, **(options | {"augment": "none"}))
    train(str(photographs), output=tmp_path / "cut", resume=True, **options)
    assert contents(tmp_path / "cut") == contents(whole.path)
    network = keras.models.load_model(whole.path / "model.keras")
    before = keras.models.load_model(own_backbone)
    for layer in before.layers:
        moved = [
            not np.array_equal(a, b)
            for a, b in zip(layer.get_weights(), network.get_layer(layer.name).get_weights(), strict=True)
        ]
        assert (any(moved), all(moved)) == (
            (True, True) if "convolution" in layer.name else (False, not moved)
        )  # BatchNormalization stays in inference mode


@pytest.mark.parametrize("rate", [0.9, 1e30], ids=["worse", "diverged"])
def test_fine_tuning_that_is_worse_or_diverges_is_not_kept(
    photographs: Path, own_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: float
) -> None:
    options = {**TUNED, "epochs": 1, "weights": own_backbone, "learning_rate": rate}
    run = train(str(photographs), output=tmp_path / "run", **options)
    head, tuned = json.loads((run.path / "evaluation" / "report.json").read_text())["phases"]
    assert tuned["kept"] is False
    assert ("diverged" in tuned) == (rate > 1)
    assert tuned.get("validation_accuracy", 0) <= head["validation_accuracy"]
    assert any(line.startswith("fine-tuning: ") for line in capsys.readouterr().err.splitlines())
    before, after = keras.models.load_model(own_backbone), keras.models.load_model(run.path / "model.keras")
    for layer in before.layers:
        for one, other in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(one, other)
