"""A folder with what the examples of the docstrings name: `photo.jpg` and `photos`, warm and cold pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLOURS = {"warm": (200, 90, 40), "cold": (40, 90, 200)}


def picture(label: str, seed: int) -> Image.Image:
    """A grainy picture, 60 x 48, of the label's colour."""
    noise = np.random.default_rng(seed).normal(0, 25, (48, 60, 3))
    return Image.fromarray(np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for label in COLOURS:
        (folder / "photos" / label).mkdir(parents=True)
        for i in range(8):
            picture(label, i).save(folder / "photos" / label / f"{i}.jpg", quality=95)
    picture("warm", 99).save(folder / "photo.jpg", quality=95)
    return folder


@pytest.fixture
def beside_photos(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the examples as the working folder."""
    monkeypatch.chdir(photos)
    return photos
