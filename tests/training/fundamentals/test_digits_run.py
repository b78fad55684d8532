"""The NumPy network as a Keras model, and through the real commands to an artifact."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.training.fundamentals.programs import run_module, run_subcommand
from training.fundamentals.backpropagation import initial_weights, main, predict
from training.fundamentals.digits_network import DigitsTraining, train_digits
from training.fundamentals.digits_run import to_keras

# Scores of size 10 in float32 are known to about 1e-6, and a probability moves by a quarter of that at most.
FLOAT32 = 1e-6


def digit_inputs() -> np.ndarray:
    """Return all digits [1797, 64] straight from scikit-learn, with the whole levels 0 to 255 that a PNG has."""
    levels: np.ndarray = np.rint(load_digits().data * 255 / 16)
    return levels / 255


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 8, 8, 1), np.float32)


@pytest.mark.parametrize("units", [(64, 32, 16, 10), (64, 10), (64, 7, 3)], ids=str)
def test_keras_with_the_same_weights_gives_the_same_probabilities(units: tuple[int, ...]) -> None:
    weights = tuple(3 * w + 0.1 for w in initial_weights(units, seed=0))
    found = np.asarray(to_keras(weights)(images(100)))
    np.testing.assert_allclose(found, predict(weights, images(100).reshape(100, 64)), rtol=0, atol=FLOAT32)
    assert np.ptp(found.max(axis=1)) > 0.01  # they are not all the same


@pytest.mark.slow
def test_keras_gives_the_same_probabilities_after_training(digits_training: DigitsTraining) -> None:
    inputs = digit_inputs()
    found = np.asarray(to_keras(digits_training.weights)(inputs.reshape(-1, 8, 8, 1).astype(np.float32)))
    np.testing.assert_allclose(found, predict(digits_training.weights, inputs), rtol=0, atol=FLOAT32)


@pytest.mark.slow
def test_the_trained_network_becomes_an_artifact_that_classifies(tmp_path: Path) -> None:
    trained = run_module("backpropagation", "--epochs", "10", "--output", "runs/numpy", folder=tmp_path)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert trained.stdout.splitlines()[-1] == "next: eyespot export runs/numpy"
    exported = run_subcommand("export", "runs/numpy", folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert "parity: 1,350 comparisons" in exported.stdout
    with zipfile.ZipFile(tmp_path / "runs" / "numpy" / "held_out.zip") as archive:
        archive.extractall(tmp_path / "images")
    classified = run_subcommand("classify", "numpy.onnx", "images", "--json", "--top", "10", folder=tmp_path)
    assert classified.returncode == 0, classified.stderr
    rows = [json.loads(line) for line in classified.stdout.splitlines()]
    check_answers(rows, train_digits(epochs=10, seed=42))


def check_answers(rows: list[dict[str, object]], trained: DigitsTraining) -> None:
    """Compare the answers of the artifact, row by row, with those of NumPy for the same images."""
    inputs = digit_inputs()
    assert len(rows) == len(trained.split.held_out)
    for row in rows:
        index = int(Path(str(row["path"])).stem.removeprefix("digit_"))
        expected = predict(trained.weights, inputs[[index]])[0]
        answers = {p["label"]: p["probability"] for p in row["predictions"]}  # type: ignore[attr-defined]
        np.testing.assert_allclose([answers[str(digit)] for digit in range(10)], expected, rtol=0, atol=FLOAT32)


def test_a_run_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "run" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert main(["--output", str(mine.parent)]) == 2
    expected = f"eyespot: {mine.parent} exists already and is no run; choose another --output or remove it\n"
    assert capsys.readouterr() == ("", expected)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert mine.read_text() == "mine"
