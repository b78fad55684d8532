"""Pictures after geometry: the same as the exported graph makes, made once, and named where they cannot be."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from edge.errors import DatasetError
from edge.steps import CentreCrop, Grey, Resize, ResizeSide, Scale, Standardise, Step
from export.preprocess import PIXELS_NAME, build_geometry
from tests.training.conftest import save_picture
from training.data.dataset import Dataset
from training.data.folder import load_folder
from training.data.prepare import Prepared, prepare
from training.data.store import Store

STEPS: tuple[Step, ...] = (
    ResizeSide("shorter", 40, "antialias"),
    CentreCrop(32, 32),
    Standardise((127.0,) * 3, (128.0,) * 3),
)
NAMES = [f"{label}/{i}.{suffix}" for label in ("cat", "dog") for i, suffix in enumerate(("png", "jpg", "png"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, name in enumerate(NAMES):
        save_picture(tmp_path / "pets" / name, 60 + 20 * i, (50 + 7 * i, 90 - 5 * i))
    return tmp_path / "pets"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        yield opened


def counted(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """The data set, and a list of the names of the pictures that were read to be decoded."""
    read: list[str] = []

    def reading(i: int) -> bytes:
        read.append(dataset.names[i])
        return dataset.read(i)

    return replace(dataset, read=reading), read


def pixels(prepared: Prepared) -> np.ndarray:
    return prepared.pictures.read(range(len(prepared.pictures)))


def test_pictures_are_those_of_the_graph_and_of_pillow(folder: Path, store: Store) -> None:
    prepared = prepare(load_folder(folder), STEPS, store, skip_bad=False, jobs=2)
    session = onnxruntime.InferenceSession(build_geometry(STEPS[:2]).SerializeToString())
    assert prepared.pictures.shape == (32, 32, 3)
    for i, picture in enumerate(pixels(prepared)):
        with Image.open(folder / prepared.dataset.names[i]) as opened:
            image = opened.convert("RGB")
        (expected,) = session.run([PIXELS_NAME], {"image": np.asarray(image)[None]})
        assert np.array_equal(picture, expected[0])
        scale = 40 / min(image.size)
        small = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BILINEAR)
        left, top = (small.width - 32) // 2, (small.height - 32) // 2
        near = np.asarray(small.crop((left, top, left + 32, top + 32)), int)
        assert np.abs(picture - near).mean() < 1
        assert prepared.notes[i].size == image.size
        assert prepared.measures[i, 1:] == pytest.approx(
            [np.asarray(image.convert("L")).mean(), np.asarray(image.convert("L")).std()], abs=1
        )
    values = prepared.pictures.values(pixels(prepared))
    assert values == pytest.approx((pixels(prepared).astype(np.float64) - 127) / 128, abs=1e-6)


def test_a_picture_is_made_once_for_all_networks_of_its_size(folder: Path, store: Store) -> None:
    dataset, read = counted(load_folder(folder))
    first = prepare(dataset, STEPS, store, skip_bad=False)
    assert sorted(read) == sorted(NAMES)
    second = prepare(dataset, (*STEPS[:2], Scale(1 / 255)), store, skip_bad=False)
    assert np.array_equal(pixels(first), pixels(second))
    assert first.notes == second.notes
    assert len(read) == len(NAMES)
    prepare(dataset, (Resize(32, 32, "antialias"), Grey(), Scale(1 / 255)), store, skip_bad=False)
    assert len(read) == 2 * len(NAMES)


def test_another_name_or_label_makes_nothing_anew(folder: Path, store: Store) -> None:
    before = prepare(load_folder(folder), STEPS, store, skip_bad=False)
    (folder / "cat" / "0.png").rename(folder / "dog" / "moved.png")
    dataset, read = counted(load_folder(folder))
    after = prepare(dataset, STEPS, store, skip_bad=False)
    assert read == []
    assert after.digest != before.digest
    moved = after.dataset.names.index("dog/moved.png")
    assert np.array_equal(pixels(after)[moved], pixels(before)[0])
    save_picture(folder / "dog" / "moved.png", 200)
    dataset, read = counted(load_folder(folder))
    prepare(dataset, STEPS, store, skip_bad=False)
    assert read == ["dog/moved.png"]


def test_bad_pictures_are_named_or_left_out(folder: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cat" / "bad.png").write_bytes(b"words")
    (folder / "dog" / "cut.png").write_bytes((folder / "dog" / "0.png").read_bytes()[:200])
    with pytest.raises(DatasetError) as refused:
        prepare(load_folder(folder), STEPS, store, skip_bad=False)
    for said in ("cat/bad.png (not_an_image)", "dog/cut.png (corrupt)", "--skip-bad"):
        assert said in str(refused.value)
    prepared = prepare(load_folder(folder), STEPS, store, skip_bad=True)
    assert list(prepared.dataset.names) == NAMES
    assert len(prepared.notes) == len(prepared.hashes) == len(prepared.pictures) == len(NAMES)
    assert "cat/bad.png" in capsys.readouterr().err


def test_what_left_the_cache_is_made_again(folder: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "large") as store:
        whole = pixels(prepare(load_folder(folder), STEPS, store, skip_bad=False))
    with Store(tmp_path / "small", limit=2 * 32 * 32 * 3) as store:
        dataset, read = counted(load_folder(folder))
        prepared = prepare(dataset, STEPS, store, skip_bad=False)
        del read[:]
        assert np.array_equal(pixels(prepared), whole)
        assert len(read) >= len(NAMES) - 2
        (folder / "cat" / "0.png").unlink()
        prepared.pictures.read([1, 2, 3, 4, 5])
        store.flush()
        with pytest.raises(DatasetError, match=r"cat/0\.png"):
            prepared.pictures.read([0])
