"""A folder of pictures as a data set: one folder a class, any number of images in each."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edge.errors import DatasetError
from edge.sources import walk_images
from training.dataset import Dataset


def load_folder(path: Path) -> Dataset:
    """Return the images below `path`/CLASS/ with the folders' names as labels, both in order of name.

    Raises DatasetError if a class is empty, if there are fewer than two, or if two names would be mistaken
    for one another.
    """
    classes = sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
    _check_names(path, classes)
    files = [(target, file) for target, name in enumerate(classes) for file in walk_images(str(path / name))]

    def read(i: int) -> bytes:
        return Path(files[i][1]).read_bytes()

    return Dataset(
        name=path.resolve().name,
        labels=tuple(classes),
        names=tuple(Path(file).relative_to(path).as_posix() for _, file in files),
        targets=np.array([target for target, _ in files], np.int64),
        read=read,
    )


def _check_names(path: Path, classes: Iterable[str]) -> None:
    """Refuse names that differ only in case, space around them or the way accents are encoded."""
    seen: dict[str, str] = {}
    for name in classes:
        folded = unicodedata.normalize("NFKC", name).strip().casefold()
        if not folded:
            raise DatasetError(f"{path}: the class folder {name!r} has a blank name; rename it")
        if folded in seen:
            raise DatasetError(f"{path}: the labels {seen[folded]!r} and {name!r} clash; rename or merge the folders")
        seen[folded] = name
