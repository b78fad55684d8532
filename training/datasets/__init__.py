"""The data sets that recipes can train on: those with a name, and folders of classes."""

from collections.abc import Callable
from pathlib import Path

from edge.cli import unknown_name
from edge.errors import DatasetError
from training.dataset import Dataset
from training.datasets.digits import load_digits
from training.datasets.folder import load_folder

NAMED: dict[str, Callable[[], Dataset]] = {"digits": load_digits}


def load_dataset(name: str) -> Dataset:
    """Return the data set that `name` is the name or the folder of. Raises DatasetError."""
    if name in NAMED:
        return NAMED[name]()
    if Path(name).is_dir():
        return load_folder(Path(name))
    raise DatasetError(f"{unknown_name('data set', name, list(NAMED))}, or a folder with one folder for each class")
