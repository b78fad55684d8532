"""Folders of small pictures, drawn for each test."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[..., Path]


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
