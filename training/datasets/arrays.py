"""Data sets that come as arrays of pixels: Keras's own, .npz files, and the IDX files of MNIST.

Every picture is handed out as a PNG, so that it passes the one decoder like any other.
"""

import gzip
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError, reason_of
from training.dataset import Dataset, Part

# Label names of the data sets that Keras loads as bare numbers: the data sets' own pages.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm
"""
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
DIGITS = tuple(map(str, range(10)))
KERAS_LABELS: dict[str, tuple[str, ...]] = {
    "mnist": DIGITS,
    "fashion-mnist": FASHION,
    "cifar10": CIFAR10,
    "cifar100": tuple(CIFAR100.split()),
}

IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "held_out": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Of the magic number of an IDX file, the type (unsigned bytes); the last byte counts the dimensions.
IDX_UNSIGNED_BYTES = 0x08

Halves = dict[Part, tuple[NDArray[np.uint8], NDArray[np.int64]]]


def load_keras_dataset(name: str) -> Dataset:
    """Return one of Keras's data sets with its own division, downloaded once and cached by Keras.

    Raises DatasetError, in one line, when it is not cached and cannot be downloaded.
    """
    import keras

    module: Any = getattr(keras.datasets, name.replace("-", "_"))
    try:
        (train_x, train_y), (test_x, test_y) = module.load_data()
    except Exception as error:  # noqa: BLE001 # Keras raises a bare Exception when a download fails
        reason = reason_of(error)
        raise DatasetError(
            f"{name} is not cached and cannot be downloaded here ({reason}); "
            "run this once with a network, or give a folder, an .npz or IDX files"
        ) from None
    halves: Halves = {"train": (train_x, train_y.reshape(-1)), "held_out": (test_x, test_y.reshape(-1))}
    return _from_halves(name, halves, KERAS_LABELS[name])


def load_npz(path: Path) -> Dataset:
    """Return the pictures in an .npz with x_train, y_train, x_test, y_test, or with x and y alone.

    Pictures are uint8 [N, H, W] or [N, H, W, 1 or 3], classes whole numbers from 0. Raises DatasetError.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # A single array in NumPy's own format opens as well, and is a TypeError; a damaged flag says that a file is
        # encrypted, or packed in an unknown way, which are a RuntimeError and one of its children.
        raise DatasetError(f"{path}: this .npz cannot be read ({reason_of(error)})") from None
    if {"x", "y"} <= arrays.keys():
        return _from_halves(path.stem, {"train": (arrays["x"], arrays["y"])}, None)
    if not {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        raise DatasetError(f"{path}: it must hold x and y, or x_train, y_train, x_test, y_test. Received: {[*arrays]}")
    halves: Halves = {
        "train": (arrays["x_train"], arrays["y_train"]),
        "held_out": (arrays["x_test"], arrays["y_test"]),
    }
    return _from_halves(path.stem, halves, None)


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds the four IDX files of MNIST, compressed or not."""
    return all(_find_idx(folder, name) for names in IDX_FILES.values() for name in names)


def load_idx(folder: Path) -> Dataset:
    """Return the pictures in a folder of IDX files named as MNIST's. Raises DatasetError if one is damaged."""
    images, labels = IDX_FILES["train"]
    test_images, test_labels = IDX_FILES["held_out"]
    halves: Halves = {
        "train": (_read_idx(folder, images), _read_idx(folder, labels).astype(np.int64)),
        "held_out": (_read_idx(folder, test_images), _read_idx(folder, test_labels).astype(np.int64)),
    }
    return _from_halves(folder.resolve().name, halves, None)


def _find_idx(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file (http://yann.lecun.com/exdb/mnist, section on the file format)."""
    path = _find_idx(folder, name) or folder / name
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        kind, dimensions = struct.unpack(">2xBB", content[:4])
        shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
        if kind != IDX_UNSIGNED_BYTES:
            raise ValueError("not of unsigned bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DatasetError(f"{path}: this IDX file is damaged ({reason_of(error)})") from None


def _from_halves(name: str, halves: Halves, labels: tuple[str, ...] | None) -> Dataset:
    for part, (images, targets) in halves.items():
        _check(name, part, images, targets)
    targets = np.concatenate([half[1].astype(np.int64) for half in halves.values()])
    if not len(targets):
        raise DatasetError(f"{name}: there are no pictures in it")
    if targets.max() >= len(targets):
        raise DatasetError(f"{name}: there are more classes than pictures. Received: class {targets.max()}")
    labels = labels or tuple(map(str, range(int(targets.max()) + 1)))
    places = [(part, i) for part, (images, _) in halves.items() for i in range(len(images))]

    def read(row: int) -> bytes:
        part, i = places[row]
        image = halves[part][0][i]
        ordered = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.shape[2:] == (3,) else image
        return bytes(cv2.imencode(".png", ordered)[1])

    return Dataset(
        name,
        labels,
        tuple(f"{labels[target]}/{part}_{i:06}.png" for (part, i), target in zip(places, targets, strict=True)),
        targets,
        read,
        tuple(part for part, _ in places) if len(halves) > 1 else None,
    )


def _check(name: str, part: str, images: NDArray[np.uint8], targets: NDArray[np.int64]) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)):
        received = f"{images.dtype} {list(images.shape)}"
        raise DatasetError(f"{name}: pictures must be uint8 [N, H, W] or [N, H, W, 1 or 3]. Received: {received}")
    if 0 in images.shape[1:]:
        raise DatasetError(f"{name}: a picture must have at least one pixel. Received: {list(images.shape[1:])}")
    if targets.shape != (len(images),) or targets.dtype.kind not in "iu" or (len(targets) and targets.min() < 0):
        raise DatasetError(f"{name}: {part} must have one class from 0 for each of its {len(images)} pictures")
