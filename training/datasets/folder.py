"""A folder of pictures as a data set: one folder a class, any number of images in each.

Two layouts are known besides: `train/` and `test/` (or `val/`) above the class folders, which then decide what
is held out; and that of SMILES (`positives/positives7`, `negatives/negatives7`), the book's faces.
"""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edge.errors import DatasetError
from training.dataset import Dataset, Part
from training.datasets.picture_files import hash_picture, read_picture, walk_pictures

# What the folders above the classes may be called, and on which side their pictures are.
PART_FOLDERS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "held_out",
    "valid": "held_out",
    "validation": "held_out",
    "test": "held_out",
}
# Unicode's categories of control characters and of the surrogates that stand for bytes which are no text.
NO_TEXT = ("Cc", "Cs")

# The folders of SMILES (D. Hromada et al., SMILEsmileD, 2010) and the book's labels for them.
SMILES = {"negatives/negatives7": "not_smiling", "positives/positives7": "smiling"}


def load_folder(path: Path, class_depth: int = 0) -> Dataset:
    """Return the images below the class folders of `path`, with those folders' names as labels.

    `class_depth` folders stand between `path` and a class folder; those named in `PART_FOLDERS` are found by
    themselves. Raises DatasetError if a class is empty, if there are fewer than two, if two names would be
    mistaken for one another, or if a folder cannot be read.
    """
    parts: dict[Path, Part | None] = {path: None}
    if class_depth == 0:
        if all((path / folder).is_dir() for folder in SMILES):
            return _load_classes(path, [(path / folder, label, None) for folder, label in SMILES.items()])
        children = _folders(path)
        if {"train", "held_out"} <= {PART_FOLDERS.get(child.name.lower(), "") for child in children}:
            parts = {child: PART_FOLDERS.get(child.name.lower()) for child in children}
            if strangers := [child.name for child, part in parts.items() if part is None]:
                raise DatasetError(f"{path}: beside train and test stands {strangers[0]!r}; is it a class or a part?")
    roots = list(parts.items())
    for _ in range(class_depth):
        roots = [(child, part) for root, part in roots for child in _folders(root)]
    return _load_classes(path, [(child, child.name, part) for root, part in roots for child in _folders(root)])


def _folders(path: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))


def _load_classes(path: Path, classes: list[tuple[Path, str, Part | None]]) -> Dataset:
    labels = sorted({label for _, label, _ in classes})
    _check_names(path, labels)
    places = {label: i for i, label in enumerate(labels)}
    files = [(file, places[label], part) for folder, label, part in classes for file in walk_pictures(str(folder))]
    parts = [part for _, _, part in files if part is not None]
    return Dataset(
        name=path.resolve().name,
        labels=tuple(labels),
        names=tuple(Path(file).relative_to(path).as_posix() for file, _, _ in files),
        targets=np.array([target for _, target, _ in files], np.int64),
        read=lambda i: read_picture(files[i][0]),
        parts=tuple(parts) if parts else None,
        hashed=lambda i: hash_picture(files[i][0]),
    )


def _check_names(path: Path, classes: Iterable[str]) -> None:
    """Refuse names that differ only in case, space around them or the way accents are encoded."""
    seen: dict[str, str] = {}
    for name in classes:
        if any(unicodedata.category(character) in NO_TEXT for character in name):
            raise DatasetError(f"{path}: the class folder {name!r} is not named in readable text; rename it")
        folded = unicodedata.normalize("NFKC", name).strip().casefold()
        if not folded:
            raise DatasetError(f"{path}: the class folder {name!r} has a blank name; rename it")
        if folded in seen:
            raise DatasetError(f"{path}: the labels {seen[folded]!r} and {name!r} clash; rename or merge the folders")
        seen[folded] = name
