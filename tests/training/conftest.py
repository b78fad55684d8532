"""Folders of small pictures, drawn for each test, and one small training that several tests repeat in other ways."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.cli import main
from tests.conftest import SLOW_FIXTURES

Draw = Callable[..., Path]

EPOCHS = 4
# 41 pictures are left to train on, so that the last batch of 8 has one, and one of two replicas none.
PICTURES = 55
SLOW_FIXTURES.add("bright_run")


def save_picture(path: Path, level: int, size: tuple[int, int] = (9, 12)) -> None:
    """Write noise of mean `level`, as the kind of image that the suffix says."""
    chance = np.random.default_rng([level, len(path.name)])
    pixels = np.clip(chance.normal(level, 12, (*size, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Return a function that makes a data set of the classes and file names that it is given."""

    def draw_classes(spelled: Mapping[str, Iterable[str]] | None = None, **classes: Iterable[str]) -> Path:
        classes |= spelled or {}
        for i, (label, names) in enumerate(classes.items()):
            (tmp_path / "pets" / label).mkdir(parents=True)
            for name in names:
                save_picture(tmp_path / "pets" / label / name, 40 + 150 * i // max(len(classes) - 1, 1))
        return tmp_path / "pets"

    return draw_classes


@pytest.fixture(scope="session")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of two classes of pictures, dark and bright, three of the one for two of the other."""
    path = tmp_path_factory.mktemp("data") / "bright.npz"
    chance, targets = np.random.default_rng(3), np.arange(PICTURES) % 5 // 3
    pixels = chance.normal(60 + 120 * targets[:, None, None], 30, (PICTURES, 12, 12))
    np.savez(path, x=np.clip(pixels, 0, 255).astype(np.uint8), y=targets)
    return path


def train_command(recipe: str, data: Path, output: Path, *more: object) -> list[str]:
    """The words behind `eyespot` that train on `data` in batches that do not divide evenly."""
    options = ["--dataset", data, "--epochs", EPOCHS, "--batch-size", 8, "--class-weights", "balanced"]
    return [str(word) for word in ("train", recipe, *options, "--output", output, *more)]


@pytest.fixture(scope="session")
def bright_run(bright: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a plain training of `lenet-mnist` on `bright`."""
    output = tmp_path_factory.mktemp("whole") / "run"
    assert main(train_command("lenet-mnist", bright, output)) == 0
    return output


def figures(run: Path) -> np.ndarray:
    """Loss and accuracy on both sides and the rate, an epoch a row."""
    return np.array([list(epoch.values()) for epoch in json.loads((run / "history.json").read_text())["epochs"]])
