"""Data sets that come as arrays of pixels: Keras's own, scikit-learn's digits, .npz files and the IDX files of MNIST.

Every picture is handed out as a PNG, so that it passes the one decoder like any other.
"""

import gzip
import struct
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.errors import DatasetError, reason_of
from training.data.dataset import Dataset, Part

# Label names of the data sets that Keras loads as bare numbers: the data sets' own pages.
CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm
"""
DIGITS = tuple("0123456789")
KERAS_LABELS: dict[str, tuple[str, ...]] = {
    "mnist": DIGITS,
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "cifar100": tuple(CIFAR100.split()),
}

NPZ_NAMES: dict[Part, tuple[str, str]] = {
    "train": ("x_train", "y_train"),
    "validation": ("x_val", "y_val"),
    "test": ("x_test", "y_test"),
}
IDX_FILES: dict[Part, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Of the magic number of an IDX file, the type (unsigned bytes); the last byte counts the dimensions.
IDX_UNSIGNED_BYTES = 0x08

# Pictures, uint8 [N, H, W] or [N, H, W, 1 or 3], and classes from 0, integers [N], of each part.
Arrays = dict[Part, tuple[NDArray[Any], NDArray[Any]]]


def load_keras_dataset(name: str) -> Dataset:
    """Return one of Keras's data sets with its own division, downloaded once and cached by Keras.

    Raises DatasetError, in one line, when it is not cached and cannot be downloaded.
    """
    import keras

    module: Any = getattr(keras.datasets, name.replace("-", "_"))
    try:
        (train_x, train_y), (test_x, test_y) = module.load_data()
    except Exception as error:  # noqa: BLE001 # Keras raises a bare Exception when a download fails
        raise DatasetError(
            f"{name} is not cached and cannot be downloaded here ({reason_of(error)}); "
            "run this once with a network, or give a folder, an .npz or IDX files"
        ) from None
    arrays: Arrays = {"train": (train_x, train_y.reshape(-1)), "test": (test_x, test_y.reshape(-1))}
    return _from_arrays(name, arrays, KERAS_LABELS[name])


def load_digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits: grey PNGs of 8 x 8 pixels, light on dark, 0 to 16 as 0 to 255.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (the test part).
    """
    import sklearn.datasets

    bundle = sklearn.datasets.load_digits()
    levels = np.rint(bundle.images * (255 / 16)).astype(np.uint8)
    dataset = _from_arrays("digits", {"train": (levels, bundle.target)}, DIGITS)
    return replace(dataset, names=tuple(f"{target}/digit_{i:04}.png" for i, target in enumerate(bundle.target)))


def load_npz(path: Path) -> Dataset:
    """Return the pictures in an .npz with x_train, y_train, x_test, y_test (and x_val, y_val), or with x and y alone.

    Pictures are uint8 [N, H, W] or [N, H, W, 1 or 3], classes integers from 0. Raises DatasetError.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # A single array in NumPy's own format opens as well, and is a TypeError; a damaged flag says that a file is
        # encrypted, or packed in an unknown way, which are a RuntimeError and one of its children.
        raise DatasetError(f"{path}: this .npz cannot be read ({reason_of(error)})") from None
    if {"x", "y"} <= found.keys():
        return _from_arrays(path.stem, {"train": (found["x"], found["y"])}, None)
    arrays: Arrays = {part: (found[x], found[y]) for part, (x, y) in NPZ_NAMES.items() if {x, y} <= found.keys()}
    if not {"train", "test"} <= arrays.keys():
        raise DatasetError(f"{path}: it must hold x and y, or x_train, y_train, x_test, y_test. Received: {[*found]}")
    return _from_arrays(path.stem, arrays, None)


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds the four IDX files of MNIST, compressed or not."""
    return all(_find_idx(folder, name).is_file() for names in IDX_FILES.values() for name in names)


def load_idx(folder: Path) -> Dataset:
    """Return the pictures in a folder of IDX files named as MNIST's. Raises DatasetError if one is damaged."""
    arrays: Arrays = {part: (_read_idx(folder, x), _read_idx(folder, y)) for part, (x, y) in IDX_FILES.items()}
    return _from_arrays(folder.resolve().name, arrays, None)


def _find_idx(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"


def _read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file (http://yann.lecun.com/exdb/mnist, section on the file format)."""
    path = _find_idx(folder, name)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        kind, dimensions = struct.unpack(">2xBB", content[:4])
        shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
        if kind != IDX_UNSIGNED_BYTES:
            raise ValueError("not of unsigned bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DatasetError(f"{path}: this IDX file is damaged ({reason_of(error)})") from None


def _from_arrays(name: str, arrays: Arrays, labels: tuple[str, ...] | None) -> Dataset:
    for part, (images, targets) in arrays.items():
        _check(name, part, images, targets)
    classes = np.concatenate([targets.astype(np.int64) for _, targets in arrays.values()])
    if not len(classes):
        raise DatasetError(f"{name}: there are no pictures in it")
    if not 0 <= classes.min() <= classes.max() < len(labels or classes):  # what int64 cannot hold is negative by now
        raise DatasetError(f"{name}: there are more classes than pictures. Received: class {classes.max()}")
    labels = labels or tuple(map(str, range(int(classes.max()) + 1)))
    places = [(part, i) for part, (images, _) in arrays.items() for i in range(len(images))]

    def read(row: int) -> bytes:
        part, i = places[row]
        image = arrays[part][0][i]
        png = BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2:] == (1,) else image).save(png, "PNG", compress_level=1)
        return png.getvalue()

    names = tuple(f"{labels[target]}/{part}_{i:06}.png" for (part, i), target in zip(places, classes, strict=True))
    return Dataset(name, labels, names, classes, read, tuple(part for part, _ in places) if len(arrays) > 1 else None)


def _check(name: str, part: Part, images: NDArray[Any], targets: NDArray[Any]) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)):
        received = f"{images.dtype} {list(images.shape)}"
        raise DatasetError(f"{name}: pictures must be uint8 [N, H, W] or [N, H, W, 1 or 3]. Received: {received}")
    if 0 in images.shape[1:]:
        raise DatasetError(f"{name}: a picture must have at least one pixel. Received: {list(images.shape[1:])}")
    if targets.shape != (len(images),) or targets.dtype.kind not in "iu" or (len(targets) and targets.min() < 0):
        raise DatasetError(f"{name}: {part} must have one class from 0 for each of its {len(images)} pictures")
