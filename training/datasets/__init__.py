"""The data sets that recipes can train on: those with a name, folders, .npz and IDX files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge.cli import unknown_name
from edge.errors import DatasetError, UsageError
from training.dataset import Dataset
from training.datasets.arrays import KERAS_LABELS, holds_idx, load_idx, load_keras_dataset, load_npz
from training.datasets.digits import load_digits
from training.datasets.folder import load_folder

NAMED: dict[str, Callable[[], Dataset]] = {
    "digits": load_digits,
    **{name: partial(load_keras_dataset, name) for name in KERAS_LABELS},
}


def load_dataset(name: str, class_depth: int = 0) -> Dataset:
    """Return the data set that `name` is the name, the folder or the file of. Raises DatasetError.

    `class_depth` counts the folders between a folder and its class folders.
    """
    path = Path(name)
    if name in NAMED:
        return NAMED[name]()
    if path.is_dir():
        return load_idx(path) if holds_idx(path) else load_folder(path, class_depth)
    if path.is_file() and path.suffix == ".npz":
        return load_npz(path)
    raise DatasetError(
        f"{unknown_name('data set', name, list(NAMED))}, a folder with one folder for each class, an .npz file, "
        "or a folder of IDX files"
    )


def require_outside(written: Path, name: str) -> None:
    """Raise UsageError if what is to be written at `written` would be a class of the folder that `name` names."""
    path = Path(name)
    if name in NAMED or not path.is_dir() or holds_idx(path):
        return
    if written.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"{written} is inside the data set {name}, where it would be a class; choose another folder")
