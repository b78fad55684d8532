"""Find the data set that a user names: a known one, a folder or an .npz file."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from edge.errors import DatasetError, UsageError, unknown_name
from training.data.arrays import KERAS_LABELS, load_digits, load_keras_dataset, load_npz
from training.data.dataset import Dataset, Part
from training.data.folder import load_folder

NAMED: dict[str, Callable[[], Dataset]] = {
    "digits": load_digits,
    **{name: partial(load_keras_dataset, name) for name in KERAS_LABELS},
}


def is_dataset(name: str) -> bool:
    """Whether `name` is a known data set, a folder or an .npz file."""
    return name in NAMED or Path(name).is_dir() or (Path(name).is_file() and name.endswith(".npz"))


def load_dataset(name: str, test: str | None = None, limit: int | None = None, seed: int = 0) -> Dataset:
    """Return the data set that `name` is the name, the folder or the file of. Raises DatasetError.

    `test` names the data set that becomes its test part. At most `limit` images of each class and part are taken,
    drawn from `seed`.
    """
    dataset = _find(name)
    if test:
        dataset = _with_test_part(dataset, _find(test))
    if limit:
        parts = np.unique(dataset.parts, return_inverse=True)[1]
        groups = parts * len(dataset.labels) + dataset.targets
        order = np.random.default_rng(seed).permutation(len(groups))
        chosen = [order[groups[order] == group][:limit] for group in np.unique(groups)]
        dataset = dataset.select(np.sort(np.concatenate(chosen)))
    return dataset


def _find(name: str) -> Dataset:
    path = Path(name)
    if name in NAMED:
        return NAMED[name]()
    if path.is_dir():
        return load_folder(path)
    if path.is_file():
        if path.suffix == ".npz":
            return load_npz(path)
        raise DatasetError(f"{name}: a data set is a folder, an .npz file or a known name. Received: another file")
    if "/" in name or "." in name:
        raise DatasetError(f"{name}: there is no such folder or file")
    raise DatasetError(f"{unknown_name('data set', name, NAMED)}, and there is no folder {name}")


def _with_test_part(dataset: Dataset, test: Dataset) -> Dataset:
    """Return `dataset` with the images of `test` as its test part."""
    if "test" in dataset.parts:
        raise UsageError(f"{dataset.name} has its own test part; leave out --test, or that part")
    if unknown := [label for label in test.labels if label not in dataset.labels]:
        raise DatasetError(f"{test.name}: its class {unknown[0]!r} is none of {', '.join(dataset.labels)}")
    places = np.array([dataset.labels.index(label) for label in test.labels], np.int64)
    parts: list[Part] = ["test"] * len(test.names)
    return replace(
        dataset,
        names=(*dataset.names, *(f"test/{name}" for name in test.names)),
        targets=np.concatenate([dataset.targets, places[test.targets]]),
        sources=[*dataset.sources, *test.sources],
        parts=(*dataset.parts, *parts),
    )


def require_outside(written: Path, name: str) -> None:
    """Raise UsageError if `written` is inside the folder that `name` names, where it would become a class."""
    folder = Path(name)
    if name not in NAMED and folder.is_dir() and written.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{written} is inside the data set {name}, where it would be a class; choose another folder")
