"""Data sets of arrays: each format written by something else, read back pixel for pixel."""

import gzip
import struct
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.errors import DatasetError
from edge.image import decode_image
from training.datasets import load_dataset
from training.datasets.arrays import load_keras_dataset

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def write_idx(path: Path, array: np.ndarray, compressed: bool) -> None:
    content = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if compressed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def write_mnist(folder: Path, compressed: bool) -> None:
    write_idx(folder / "train-images-idx3-ubyte", GREY, compressed)
    write_idx(folder / "train-labels-idx1-ubyte", CLASSES.astype(np.uint8), compressed)
    write_idx(folder / "t10k-images-idx3-ubyte", GREY[:3], compressed)
    write_idx(folder / "t10k-labels-idx1-ubyte", CLASSES[:3].astype(np.uint8), compressed)


def test_npz_with_its_own_division(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez(path, x_train=COLOUR, y_train=CLASSES, x_test=COLOUR[:3], y_test=CLASSES[:3])
    dataset = load_dataset(str(path))
    assert dataset.labels == ("0", "1", "2")
    assert dataset.parts == ("train",) * 6 + ("held_out",) * 3
    for i in range(9):
        assert np.array_equal(decode_image(dataset.read(i)).pixels, COLOUR[i % 6])


def test_npz_without_a_division_of_grey_pictures(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez(path, x=GREY, y=CLASSES)
    dataset = load_dataset(str(path))
    assert dataset.parts is None
    assert np.array_equal(decode_image(dataset.read(4)).pixels, np.repeat(GREY[4, :, :, None], 3, axis=2))


@pytest.mark.parametrize("compressed", [False, True])
def test_idx_files_as_mnist_has_them(tmp_path: Path, compressed: bool) -> None:
    write_mnist(tmp_path, compressed)
    dataset = load_dataset(str(tmp_path))
    assert dataset.targets.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert np.array_equal(decode_image(dataset.read(7)).pixels[:, :, 0], GREY[1])


def test_a_damaged_idx_file_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, compressed=False)
    images = tmp_path / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-5])
    with pytest.raises(DatasetError, match="t10k-images-idx3-ubyte: this IDX file is damaged"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": GREY}, "it must hold x and y"),
        ({"x": GREY.astype(np.float32), "y": CLASSES}, "must be uint8"),
        ({"x": COLOUR[..., :2], "y": CLASSES}, "must be uint8"),
        ({"x": GREY, "y": CLASSES[:4]}, "one class from 0 for each of its 6"),
        ({"x": GREY, "y": CLASSES - 1}, "one class from 0"),
        ({"x": GREY, "y": CLASSES + 10**12}, "more classes than pictures. Received: class 1000000000002"),
        ({"x": GREY[:0], "y": CLASSES[:0]}, "there are no pictures in it"),
        ({"x": GREY[:, :0], "y": CLASSES}, r"at least one pixel. Received: \[0, 4\]"),
        ({"x_train": GREY, "y_train": CLASSES, "x_test": COLOUR[:, :, :0], "y_test": CLASSES}, "at least one pixel"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "some.npz"
    np.savez(path, **arrays)
    with pytest.raises(DatasetError, match=message):
        load_dataset(str(path))


def test_what_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    path.write_text("hello")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_dataset(str(path))


def test_an_npz_that_is_damaged_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez_compressed(path, x=GREY, y=CLASSES)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            load_dataset(str(path))
        except DatasetError:
            refused += 1
    assert refused > len(content) / 2


def test_a_single_array_that_is_named_npz_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "some.npz").open("wb") as file:
        np.save(file, GREY)
    with pytest.raises(DatasetError, match="cannot be read"):
        load_dataset(str(tmp_path / "some.npz"))


def test_a_damaged_packed_idx_file_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, compressed=True)
    images = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = bytearray(images.read_bytes())
    content[20] ^= 0xFF
    images.write_bytes(content)
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz: this IDX file is damaged"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "classes"), [("mnist", 10), ("fashion-mnist", 10), ("cifar10", 10), ("cifar100", 100)]
)
def test_keras_data_sets_come_through_keras(monkeypatch: pytest.MonkeyPatch, name: str, classes: int) -> None:
    """What Keras would load, stood in for by arrays of the same shape: CIFAR's classes are a column."""
    images = COLOUR if name.startswith("cifar") else GREY
    targets = np.arange(classes).repeat(2)
    many = np.resize(images, (2 * classes, *images.shape[1:]))
    column = targets[:, None] if name.startswith("cifar") else targets
    module = getattr(keras.datasets, name.replace("-", "_"))
    monkeypatch.setattr(module, "load_data", lambda: ((many, column), (many[:1], column[:1])))
    dataset = load_dataset(name)
    assert len(set(dataset.labels)) == classes
    assert dataset.targets.tolist() == [*targets.tolist(), 0]
    assert dataset.parts == ("train",) * (2 * classes) + ("held_out",)


def test_without_a_network_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Exception("URL fetch failure on https://example.invalid: None -- no network\nmore")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", refuse)
    with pytest.raises(DatasetError) as raised:
        load_keras_dataset("cifar10")
    assert "cifar10 is not cached and cannot be downloaded here" in str(raised.value)
    assert "\n" not in str(raised.value)
