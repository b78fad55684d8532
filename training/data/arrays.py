"""Data sets that come as arrays of pixels: those of Keras, scikit-learn's digits and .npz files."""

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError, reason_of
from training.data.dataset import Dataset, Part

DIGITS = tuple("0123456789")
# The classes that Keras loads as bare numbers, from the pages of the data sets.
KERAS_LABELS: dict[str, tuple[str, ...]] = {
    "mnist": DIGITS,
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
NPZ_PARTS: dict[Part, str] = {"train": "train", "validation": "val", "test": "test"}
# Pictures, uint8 [N, H, W] or [N, H, W, 1 or 3], and classes from 0, integers [N], of each part.
Arrays = dict[Part, tuple[NDArray[Any], NDArray[Any]]]


def load_keras_dataset(name: str) -> Dataset:
    """Return one of Keras's data sets in its own parts; Keras downloads it once and caches it.

    Raises DatasetError, in one line, when it is not cached and cannot be downloaded.
    """
    import keras

    module: Any = getattr(keras.datasets, name.replace("-", "_"))
    try:
        (train_x, train_y), (test_x, test_y) = module.load_data()
    except Exception as error:  # noqa: BLE001 # Keras raises a bare Exception when a download fails
        found = f"{name} is not cached and cannot be downloaded here ({reason_of(error)})"
        raise DatasetError(f"{found}; run this once with a network, or give a folder or an .npz file") from None
    arrays: Arrays = {"train": (train_x, train_y.reshape(-1)), "test": (test_x, test_y.reshape(-1))}
    return _from_arrays(name, arrays, KERAS_LABELS[name])


def load_digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits: grey, 8 x 8 pixels, light on dark, 0 to 16 scaled to 0 to 255.

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
        # TypeError: a single array in NumPy's own format. RuntimeError: a damaged flag says that a file is encrypted.
        raise DatasetError(f"{path}: this .npz cannot be read ({reason_of(error)})") from None
    if {"x", "y"} <= found.keys():
        return _from_arrays(path.stem, {"train": (found["x"], found["y"])}, None)
    arrays: Arrays = {
        part: (found[f"x_{name}"], found[f"y_{name}"])
        for part, name in NPZ_PARTS.items()
        if {f"x_{name}", f"y_{name}"} <= found.keys()
    }
    if not {"train", "test"} <= arrays.keys():
        raise DatasetError(f"{path}: it must hold x and y, or x_train, y_train, x_test, y_test. Received: {[*found]}")
    return _from_arrays(path.stem, arrays, None)


def _from_arrays(name: str, arrays: Arrays, labels: tuple[str, ...] | None) -> Dataset:
    for part, (images, targets) in arrays.items():
        are_pictures = images.dtype == np.uint8 and images.ndim >= 3 and images.shape[3:] in ((), (1,), (3,))
        if not are_pictures or 0 in images.shape[1:]:
            received = f"{images.dtype} {list(images.shape)}"
            raise DatasetError(f"{name}: pictures must be uint8 [N, H, W] or [N, H, W, 1 or 3]. Received: {received}")
        if targets.shape != (len(images),) or targets.dtype.kind not in "iu" or (len(targets) and targets.min() < 0):
            raise DatasetError(f"{name}: {part} must have one class from 0 for each of its {len(images)} pictures")
    classes = np.concatenate([targets.astype(np.int64) for _, targets in arrays.values()])
    if not len(classes):
        raise DatasetError(f"{name}: there are no pictures in it")
    if not 0 <= classes.min() <= classes.max() < len(labels or classes):  # what int64 cannot hold is negative by now
        raise DatasetError(f"{name}: there are more classes than pictures. Received: class {classes.max()}")
    labels = labels or tuple(map(str, range(int(classes.max()) + 1)))
    places = [(part, i) for part, (images, _) in arrays.items() for i in range(len(images))]
    return Dataset(
        name,
        labels,
        tuple(f"{labels[target]}/{part}_{i:06}.png" for (part, i), target in zip(places, classes, strict=True)),
        classes,
        [image for images, _ in arrays.values() for image in images],
        tuple(part for part, _ in places),
    )
