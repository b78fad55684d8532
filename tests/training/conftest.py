"""Folders of small pictures, drawn for each test, and one small training that several tests repeat in other ways."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyespot.cli import main
from tests.conftest import SLOW_FIXTURES

Draw = Callable[..., Path]
WriteRecipe = Callable[..., Path]

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


RECIPE = """
import keras
from keras import layers

from edge.steps import Grey, Resize, Scale
from training.epochs.augmentation import AUGMENTATIONS
from training.recipe import Optimizer, Recipe


def network(architecture):
    return keras.Sequential([architecture.input(), layers.Flatten(), LAYERS])


RECIPE = Recipe(
    name="mine",
    summary="a recipe of your own",
    preprocessing=(Resize(8, 8, "antialias"), Grey(), Scale(1 / 255)),
    network=network,
    SETTINGS
)
"""


@pytest.fixture
def write_recipe(tmp_path: Path) -> WriteRecipe:
    """Return a function that writes a recipe file with these layers behind Flatten, and these settings."""

    def write(layers: str, settings: str = "epochs=3, batch_size=8, optimizer=Optimizer(name='SGD', rate=0.5)") -> Path:
        path = tmp_path / "mine.py"
        path.write_text(RECIPE.replace("LAYERS", layers).replace("SETTINGS", settings))
        return path

    return write


COLOURS = {"amber": (200, 140, 60), "blue": (60, 120, 200), "coral": (200, 100, 120)}
SMALL_PX = 32


def draw_photographs(
    folder: Path, per_class: int, seed: int = 0, size: tuple[int, int] = (38, 46), noise: int = 90
) -> Path:
    """Three classes of coloured pictures; the more noise, the harder to tell."""
    chance = np.random.default_rng(seed)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            shade = chance.normal(colour, noise / 2)
            pixels = np.clip(chance.normal(shade, noise, (*size, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{seed}-{i:03}.png")
    return folder


@pytest.fixture(scope="session")
def own_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with two blocks, for pictures of 32 pixels, as `--weights` takes it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("backbone") / "own.keras"
    blocks = [
        layer
        for i, filters in enumerate((8, 12))
        for layer in (
            layers.Conv2D(filters, 3, strides=2, activation="relu", name=f"block{i + 1}_convolution"),
            layers.BatchNormalization(name=f"block{i + 1}_normalisation"),
        )
    ]
    keras.Sequential([keras.Input((SMALL_PX, SMALL_PX, 3)), *blocks, layers.GlobalAveragePooling2D()]).save(path)
    return path
