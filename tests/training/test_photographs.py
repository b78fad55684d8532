"""A folder of photographs becomes a classifier that every other command takes; the pictures are drawn."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.quiet_tensorflow import start_tensorflow
from eyespot.cli import main

start_tensorflow()
from training.train import Run, train

pytestmark = pytest.mark.slow

LABELS = ("circles", "squares", "stripes")
TRAINED, FRESH = 14, 6


def draw(label: str, chance: np.random.Generator) -> np.ndarray:
    """Several of one shape in any colours on any ground."""
    height, width = map(int, chance.integers(120, 200, 2))
    picture = np.full((height, width, 3), chance.integers(0, 256, 3), np.uint8)
    if label == "stripes":
        for x in range(0, width, int(chance.integers(14, 30))):
            cv2.line(picture, (x, 0), (x + 30, height), chance.integers(0, 256, 3).tolist(), 6)
        return picture
    for _ in range(6):
        x, y = int(chance.integers(20, width - 20)), int(chance.integers(20, height - 20))
        size, colour = int(chance.integers(10, 25)), chance.integers(0, 256, 3).tolist()
        if label == "circles":
            cv2.circle(picture, (x, y), size, colour, -1)
        else:
            cv2.rectangle(picture, (x - size, y - size), (x + size, y + size), colour, -1)
    return picture


def write(folder: Path, count: int, seed: int) -> Path:
    chance = np.random.default_rng(seed)
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for i in range(count):
            noisy = draw(label, chance) + chance.normal(0, 8)
            cv2.imwrite(str(folder / label / f"{label}{i}.jpg"), np.clip(noisy, 0, 255))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where photographs, fresh ones and the run are; one photograph lies in the folder of another class."""
    folder = tmp_path_factory.mktemp("photographs")
    write(folder / "photographs", TRAINED, 1)
    write(folder / "fresh", FRESH, 2)
    (folder / "photographs" / "circles" / "circles0.jpg").rename(folder / "photographs" / "stripes" / "wrong.jpg")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return train(str(folder / "photographs"), output=folder / "run", answer_accuracy=0.95)


@pytest.fixture(scope="module")
def model(run: Run, folder: Path) -> Path:
    assert main(["export", str(run.path), "--output", str(folder / "model.onnx")]) == 0
    return folder / "model.onnx"


def test_the_run_folder_is_complete_and_its_figures_are_out_of_fold(run: Run) -> None:
    assert {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()} == {
        *("model.keras", "spec.json", "evaluation.zip", "calibration.zip"),
        *(f"evaluation/{name}" for name in ("report.json", "confusion.png", "reliability.png", "mistakes.json")),
        *(f"evaluation/{name}" for name in ("mistakes.png", "suspects.csv")),
    }
    assert run.accuracy >= 0.85
    assert run.spec.labels == LABELS
    training = run.spec.training
    assert training
    assert (training.backbone, training.evaluated_on) == ("efficientnet-lite0", "out-of-fold")
    assert training.training_images == run.evaluation.report.images == 3 * TRAINED
    assert {found.code for found in run.evaluation.report.warnings} <= {"few_images"}


def test_what_is_probably_labelled_wrong_is_listed_first(run: Run, folder: Path) -> None:
    with (run.path / "evaluation" / "suspects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    mistakes = json.loads((run.path / "evaluation" / "mistakes.json").read_text())
    assert (mistakes[0]["name"], mistakes[0]["predicted"]) == ("stripes/wrong.jpg", "circles")
    assert all(Path(row["path"]).is_file() for row in rows)


def test_the_exported_file_answers_as_the_run(
    run: Run, model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    figures = []
    for what in (run.path, model):
        command = ["evaluate", str(what), "--dataset", str(folder / "fresh"), "--json"]
        assert main([*command, "--output", str(folder / f"evaluated-{what.name}")]) == 0
        figures.append(json.loads(capsys.readouterr().out))
        assert (folder / f"evaluated-{what.name}" / "suspects.csv").is_file()
    assert figures[0]["images"] == 3 * FRESH
    assert figures[0]["accuracy"] >= 0.85
    assert figures[0]["confusion"] == figures[1]["confusion"]
    assert figures[0]["calibration_error"] == pytest.approx(figures[1]["calibration_error"], abs=1e-3)
    assert main(["evaluate", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == run.accuracy
    assert main(["evaluate", str(model)]) == 2
    assert main(["classify", str(model), str(folder / "fresh"), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    answers = [json.loads(line) for line in lines]
    right = [Path(a["path"]).parent.name == a["predictions"][0]["label"] for a in answers]
    assert sum(right) == sum(figures[0]["confusion"][i][i] for i in range(3))


def test_whole_numbers_lose_nothing_to_speak_of(
    run: Run, model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run.path), "--output", str(folder / "small.onnx"), "--int8"]) == 0
    (quantized,) = [path for path in folder.glob("small*.onnx") if "int8" in path.name] or [folder / "small.onnx"]
    capsys.readouterr()
    found = []
    for what in (model, quantized):
        out = str(folder / f"out-{what.name}")
        assert main(["evaluate", str(what), "--dataset", str(folder / "fresh"), "--json", "--output", out]) == 0
        found.append(json.loads(capsys.readouterr().out)["accuracy"])
    assert found[1] >= found[0] - 1 / (3 * FRESH) - 1e-9
    assert quantized.stat().st_size < 0.6 * model.stat().st_size  # the pictures of the self-test are in both


def test_the_second_run_is_the_first(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the cache: nothing is computed again, whatever the pictures are called."""
    monkeypatch.setattr("training.data.prepare.Pictures.read", lambda *_: pytest.fail("computed again"))
    moved = folder / "renamed"
    (folder / "photographs").rename(moved)
    try:
        again = train(str(moved), output=folder / "again")
    finally:
        moved.rename(folder / "photographs")
    assert again.accuracy == run.accuracy
    assert np.array_equal(again.evaluation.report.confusion, run.evaluation.report.confusion)
