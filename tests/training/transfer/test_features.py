"""Features: those of the backbone, computed once, of the mirror image too, and mapped where they are too large."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.steps import Resize, Scale, Step
from export.quiet_tensorflow import start_tensorflow
from tests.training.conftest import save_picture

start_tensorflow()
import keras
from keras import layers

from training.data.folder import load_folder
from training.data.prepare import Pictures, prepare
from training.data.store import Store
from training.transfer.features import extract_features, pixel_features

STEPS: tuple[Step, ...] = (Resize(8, 8, "antialias"), Scale(1 / 255))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(5, 3), layers.Flatten()])


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Pictures]:
    for i in range(40):
        save_picture(tmp_path / "pets" / "ab"[i % 2] / f"{i}.png", 5 * i, (9, 9 + i % 4))
    with Store(tmp_path / "cache") as store:
        yield prepare(load_folder(tmp_path / "pets"), STEPS, store)


def test_features_are_the_networks_and_are_computed_once(
    network: keras.Model, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    read = Pictures.read
    monkeypatch.setattr(Pictures, "read", lambda self, rows: asked.extend(rows) or read(self, rows))
    pixels = read(pictures, range(40)).astype(np.float32) / 255
    for _ in range(2):
        assert extract_features(network, pictures) == pytest.approx(network.predict(pixels, verbose=0), abs=1e-5)
    assert len(asked) == 40
    for _ in range(2):
        expected = network.predict(pixels[:, :, ::-1], verbose=0)
        assert extract_features(network, pictures, mirrored=True) == pytest.approx(expected, abs=1e-5)
    assert len(asked) == 80
    other = keras.models.clone_model(network)
    assert not np.allclose(extract_features(other, pictures), extract_features(network, pictures))
    assert len(asked) == 120


def test_what_left_the_cache_is_computed_again(
    network: keras.Model, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = extract_features(network, pictures)
    monkeypatch.setenv("EYESPOT_CACHE_GB", str(10 * whole[0].nbytes / 1e9))
    with Store(tmp_path / "small") as store:
        for _ in range(2):
            assert extract_features(network, replace(pictures, store=store)) == pytest.approx(whole, abs=1e-6)


def test_features_are_mapped_from_a_file_without_a_name(network: keras.Model, pictures: Pictures) -> None:
    files = set(pictures.store.folder.iterdir())
    found = extract_features(network, pictures), pixel_features(pictures)
    assert all(isinstance(mapped, np.memmap) for mapped in found)
    assert set(pictures.store.folder.iterdir()) == files
    values = pictures.preprocessor.values(pictures.read(range(40)))
    assert np.array_equal(found[1], values.reshape(40, -1))
