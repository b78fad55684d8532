"""Features: those of the backbone, computed once, of the mirror image too, and mapped where they are too large."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.steps import Resize, Scale, Step
from export.quiet_tensorflow import start_tensorflow
from tests.training.conftest import save_picture

start_tensorflow()
import keras
from keras import layers

from training.backbones import weights_digest
from training.data.folder import load_folder
from training.data.prepare import Pictures, prepare
from training.data.store import Store
from training.transfer.features import Extractor, extract_features, pixel_features

STEPS: tuple[Step, ...] = (Resize(8, 8, "antialias"), Scale(1 / 255))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(5, 3), layers.Flatten()])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path, store: Store) -> Pictures:
    for i in range(40):
        save_picture(tmp_path / "pets" / "ab"[i % 2] / f"{i}.png", 5 * i, (9, 9 + i % 4))
    return prepare(load_folder(tmp_path / "pets"), STEPS, store, skip_bad=False).pictures


class Counting:
    """Pictures of which is known how many were asked for."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures, self.asked = pictures, 0
        self.hashes, self.values, self.shape = pictures.hashes, pictures.values, pictures.shape

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, rows: np.ndarray) -> np.ndarray:
        self.asked += len(rows)
        return self.pictures.read(rows)


def test_features_are_the_networks_and_are_computed_once(
    network: keras.Model, pictures: Pictures, store: Store, tmp_path: Path
) -> None:
    counting = Counting(pictures)
    pixels = pictures.read(range(40)).astype(np.float32) / 255

    def extract(extractor: Extractor, mirrored: bool = False) -> np.ndarray:
        return extract_features(extractor, counting, store, tmp_path, mirrored=mirrored)  # type: ignore[arg-type]

    extractor = Extractor(network, weights_digest(network), STEPS)
    for _ in range(2):
        assert extract(extractor) == pytest.approx(network.predict(pixels, verbose=0), abs=1e-5)
    assert counting.asked == 40
    for _ in range(2):
        expected = network.predict(pixels[:, :, ::-1], verbose=0)
        assert extract(extractor, mirrored=True) == pytest.approx(expected, abs=1e-5)
    assert counting.asked == 80
    other = keras.models.clone_model(network)
    assert weights_digest(other) != weights_digest(network)
    assert not np.allclose(extract(Extractor(other, weights_digest(other), STEPS)), extract(extractor))
    assert counting.asked == 120


def test_what_another_process_needed_the_room_of_is_computed_again(
    network: keras.Model, pictures: Pictures, tmp_path: Path
) -> None:
    extractor = Extractor(network, weights_digest(network), STEPS)
    with Store(tmp_path / "roomy") as store:
        whole = extract_features(extractor, pictures, store, tmp_path)
    with Store(tmp_path / "small", limit=10 * whole[0].nbytes) as store:
        for _ in range(2):
            assert extract_features(extractor, pictures, store, tmp_path) == pytest.approx(whole, abs=1e-6)


def test_what_does_not_fit_in_memory_is_mapped_from_a_file_without_a_name(
    network: keras.Model, pictures: Pictures, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = Extractor(network, weights_digest(network), STEPS)
    expected = extract_features(extractor, pictures, store, tmp_path), pixel_features(pictures, tmp_path)
    assert np.array_equal(expected[1], pictures.values(pictures.read(range(40))).reshape(40, -1))
    monkeypatch.setattr("training.transfer.features.IN_MEMORY_BYTES", 1000)
    (tmp_path / "maps").mkdir()
    found = (
        extract_features(extractor, pictures, store, tmp_path / "maps"),
        pixel_features(pictures, tmp_path / "maps"),
    )
    for mapped, whole in zip(found, expected, strict=True):
        assert isinstance(mapped, np.memmap)
        assert np.array_equal(mapped, whole)
    assert list((tmp_path / "maps").iterdir()) == []
