"""Find the data set that a user names: a known one, a folder, an .npz file or a folder of IDX files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge.cli import unknown_name
from edge.errors import DatasetError, UsageError
from training.data.arrays import KERAS_LABELS, holds_idx, load_digits, load_idx, load_keras_dataset, load_npz
from training.data.dataset import Dataset, limit_classes, with_test_part
from training.data.folder import load_folder

NAMED: dict[str, Callable[[], Dataset]] = {
    "digits": load_digits,
    **{name: partial(load_keras_dataset, name) for name in KERAS_LABELS},
}


def is_dataset(name: str) -> bool:
    """Whether `load_dataset` would find something of that name."""
    path = Path(name)
    return name in NAMED or path.is_dir() or (path.is_file() and path.suffix == ".npz")


def load_dataset(
    name: str, class_depth: int = 0, *, test: str | None = None, limit: int | None = None, seed: int = 0
) -> Dataset:
    """Return the data set that `name` is the name, the folder or the file of. Raises DatasetError.

    `class_depth` counts the folders between a folder and its class folders. `test` names the data set that becomes
    its test part, and at most `limit` images of each class are taken, drawn from `seed`.
    """
    dataset = _load(name, class_depth)
    if test:
        dataset = with_test_part(dataset, _load(test, class_depth))
    return limit_classes(dataset, limit, seed) if limit else dataset


def _load(name: str, class_depth: int) -> Dataset:
    path = Path(name)
    if name in NAMED:
        return NAMED[name]()
    if path.is_dir():
        return load_idx(path) if holds_idx(path) else load_folder(path, class_depth)
    if path.is_file():
        if path.suffix == ".npz":
            return load_npz(path)
        raise DatasetError(f"{name}: a data set is a folder, an .npz file or a known name. Received: another file")
    if "/" in name or "." in name:
        raise DatasetError(f"{name}: there is no such folder or file")
    raise DatasetError(f"{unknown_name('data set', name, list(NAMED))}, and there is no folder {name}")


def require_outside(written: Path, name: str) -> None:
    """Raise UsageError if what is to be written at `written` would be a class of the folder that `name` names."""
    path = Path(name)
    if name in NAMED or not path.is_dir() or holds_idx(path):
        return
    if written.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"{written} is inside the data set {name}, where it would be a class; choose another folder")
