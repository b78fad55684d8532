"""Pictures after geometry: the same as the exported graph makes, made once, and named where they cannot be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from edge.errors import DatasetError
from edge.steps import CentreCrop, Grey, Resize, ResizeSide, Scale, Standardise, Step
from export.preprocess import PIXELS_NAME, build_geometry
from tests.training.conftest import save_picture
from training.data.folder import load_folder
from training.data.prepare import Note, Pictures, Preprocessor, prepare
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


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that are decoded, as they come."""
    contents: list[bytes] = []
    decode = Preprocessor.decode

    def decode_and_count(self: Preprocessor, encoded: bytes) -> tuple[np.ndarray, Note]:
        contents.append(encoded)
        return decode(self, encoded)

    monkeypatch.setattr(Preprocessor, "decode", decode_and_count)
    return contents


def pixels(pictures: Pictures) -> np.ndarray:
    return pictures.read(range(len(pictures)))


def test_pictures_are_those_of_the_graph_and_of_pillow(folder: Path, store: Store) -> None:
    pictures = prepare(load_folder(folder), STEPS, store, jobs=2)
    session = onnxruntime.InferenceSession(build_geometry(STEPS[:2]).SerializeToString())
    assert pictures.preprocessor.shape == (32, 32, 3)
    for i, picture in enumerate(pixels(pictures)):
        with Image.open(folder / pictures.dataset.names[i]) as opened:
            image = opened.convert("RGB")
        (expected,) = session.run([PIXELS_NAME], {"image": np.asarray(image)[None]})
        assert np.array_equal(picture, expected[0])
        scale = 40 / min(image.size)
        small = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BILINEAR)
        left, top = (small.width - 32) // 2, (small.height - 32) // 2
        near = np.asarray(small.crop((left, top, left + 32, top + 32)), int)
        assert np.abs(picture - near).mean() < 1
        grey = np.asarray(image.convert("L"))
        assert pictures.notes[i].size == image.size
        assert pictures.notes[i].measures[1:] == pytest.approx([grey.mean(), grey.std()], abs=1)
    values = pictures.preprocessor.values(pixels(pictures))
    assert values == pytest.approx((pixels(pictures).astype(np.float64) - 127) / 128, abs=1e-6)


def test_a_picture_is_decoded_once_for_all_networks_of_its_size(
    folder: Path, store: Store, decoded: list[bytes]
) -> None:
    first = prepare(load_folder(folder), STEPS, store)
    assert sorted(decoded) == sorted((folder / name).read_bytes() for name in NAMES)
    second = prepare(load_folder(folder), (*STEPS[:2], Scale(1 / 255)), store)
    assert np.array_equal(pixels(first), pixels(second))
    assert (first.notes, len(decoded)) == (second.notes, len(NAMES))
    prepare(load_folder(folder), (Resize(32, 32, "antialias"), Grey(), Scale(1 / 255)), store)
    assert len(decoded) == 2 * len(NAMES)


def test_what_is_moved_is_not_decoded_again(folder: Path, store: Store, decoded: list[bytes]) -> None:
    before = prepare(load_folder(folder), STEPS, store)
    (folder / "cat" / "0.png").rename(folder / "dog" / "moved.png")
    after = prepare(load_folder(folder), STEPS, store)
    assert len(decoded) == len(NAMES)
    assert after.digest != before.digest
    assert np.array_equal(pixels(after)[after.dataset.names.index("dog/moved.png")], pixels(before)[0])
    save_picture(folder / "dog" / "moved.png", 200)
    prepare(load_folder(folder), STEPS, store)
    assert decoded[len(NAMES) :] == [(folder / "dog" / "moved.png").read_bytes()]


def test_bad_pictures_are_named_or_left_out(folder: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cat" / "bad.png").write_bytes(b"words")
    (folder / "dog" / "cut.png").write_bytes((folder / "dog" / "0.png").read_bytes()[:200])
    with pytest.raises(DatasetError) as refused:
        prepare(load_folder(folder), STEPS, store)
    for said in ("cat/bad.png (not_an_image)", "dog/cut.png (corrupt)", "--skip-bad"):
        assert said in str(refused.value)
    pictures = prepare(load_folder(folder), STEPS, store, skip_bad=True)
    assert list(pictures.dataset.names) == NAMES
    assert len(pictures.notes) == len(pictures.hashes) == len(pictures) == len(NAMES)
    assert "cat/bad.png" in capsys.readouterr().err


def test_what_left_the_cache_is_decoded_again(
    folder: Path, tmp_path: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "large") as store:
        whole = pixels(prepare(load_folder(folder), STEPS, store))
    monkeypatch.setenv("EYESPOT_CACHE_GB", str(2 * 32 * 32 * 3 / 1e9))
    with Store(tmp_path / "small") as store:
        pictures = prepare(load_folder(folder), STEPS, store)
        del decoded[:]
        assert np.array_equal(pixels(pictures), whole)
        assert len(decoded) >= len(NAMES) - 2
        for name in NAMES:
            (folder / name).unlink()
        with pytest.raises(DatasetError, match=r"\.(png|jpg)"):
            pixels(pictures)
