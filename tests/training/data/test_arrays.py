"""Data sets of arrays: each format written by something else, read back pixel for pixel."""

from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from edge.errors import DatasetError
from training.data.arrays import KERAS_LABELS, load_digits, load_keras_dataset, load_npz
from training.data.dataset import Dataset

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def pixels(dataset: Dataset, i: int) -> np.ndarray:
    with Image.open(BytesIO(dataset.read(i)), formats=["PNG"]) as image:
        return np.asarray(image)


def test_npz_in_three_parts(tmp_path: Path) -> None:
    halves = {"x_test": COLOUR[:3], "y_test": CLASSES[:3], "x_val": COLOUR[:1], "y_val": CLASSES[:1]}
    np.savez(tmp_path / "some.npz", x_train=COLOUR, y_train=CLASSES, **halves)
    dataset = load_npz(tmp_path / "some.npz")
    assert (dataset.name, dataset.labels) == ("some", ("0", "1", "2"))
    assert dataset.parts == ("train",) * 6 + ("validation",) + ("test",) * 3
    assert dataset.targets.tolist() == [0, 1, 2, 0, 1, 2, 0, 0, 1, 2]
    assert len(set(dataset.names)) == 10
    for i, row in enumerate([*range(6), 0, *range(3)]):
        assert np.array_equal(pixels(dataset, i), COLOUR[row])


def test_npz_of_one_part_and_grey_pictures(tmp_path: Path) -> None:
    for images in (GREY, GREY[..., None]):
        np.savez(tmp_path / "some.npz", x=images, y=CLASSES)
        dataset = load_npz(tmp_path / "some.npz")
        assert dataset.parts == ("train",) * 6
        assert np.array_equal(pixels(dataset, 4), GREY[4])


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": GREY, "y_train": CLASSES},
        {"x": GREY.astype(np.float32), "y": CLASSES},
        {"x": COLOUR[..., :2], "y": CLASSES},
        {"x": GREY[0], "y": CLASSES[:5]},
        {"x": GREY, "y": CLASSES[:4]},
        {"x": GREY, "y": CLASSES - 1},
        {"x": GREY, "y": CLASSES + 10**12},
        {"x": GREY, "y": CLASSES.astype(np.uint64) + 2**63},
        {"x": GREY[:0], "y": CLASSES[:0]},
    ],
    ids=range(9),
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(DatasetError, match=r"some"):
        load_npz(tmp_path / "some.npz")


def test_an_npz_that_is_damaged_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez_compressed(path, x=GREY, y=CLASSES)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            load_npz(path)
        except DatasetError:
            refused += 1
    assert refused > len(content) / 2
    with path.open("wb") as file:
        np.save(file, GREY)  # a single array
    with pytest.raises(DatasetError):
        load_npz(path)


@pytest.mark.parametrize("name", KERAS_LABELS)
def test_keras_data_sets_come_through_keras(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What Keras would load, replaced by arrays of the same shape: the classes of CIFAR-10 are a column."""
    images, column = (COLOUR, (-1, 1)) if name.startswith("cifar") else (GREY, (-1,))
    targets = np.arange(10).repeat(2)
    many = np.resize(images, (len(targets), *images.shape[1:]))
    parts = (many, targets.reshape(column)), (many[:1], targets[:1].reshape(column))
    monkeypatch.setattr(getattr(keras.datasets, name.replace("-", "_")), "load_data", lambda: parts)
    dataset = load_keras_dataset(name)
    assert len(set(dataset.labels)) == 10
    assert dataset.targets.tolist() == [*targets.tolist(), 0]
    assert dataset.parts == ("train",) * len(targets) + ("test",)


def test_a_data_set_that_cannot_be_downloaded_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Exception("URL fetch failure on https://example.invalid: None -- no network\nmore")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", refuse)
    with pytest.raises(DatasetError, match=r"\Acifar10.*\Z"):
        load_keras_dataset("cifar10")


def test_digits_are_those_of_scikit_learn() -> None:
    dataset, bundle = load_digits(), sklearn.datasets.load_digits()
    assert (dataset.name, dataset.labels) == ("digits", tuple("0123456789"))
    assert np.array_equal(dataset.targets, bundle.target)
    assert dataset.names[69] == "9/digit_0069.png"
    assert len(set(dataset.names)) == 1797
    for i, values in enumerate(bundle.images):
        # The half at 8, 127.5, goes to the even level.
        assert np.array_equal(pixels(dataset, i), np.rint(values * 255 / 16))
