"""A folder of pictures as a data set: one folder for each class.

`train/`, `val/` and `test/` above the class folders are the parts of the data set. The layout of SMILES, the book's
faces (`positives/positives7`, `negatives/negatives7`), is recognised too.
"""

import os
import unicodedata
from pathlib import Path

import numpy as np

from edge.errors import DatasetError
from edge.sources import walk
from training.data.dataset import Dataset, Part

# What the folders above the classes may be called, and which part their pictures are.
PART_FOLDERS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
# Unicode's categories of control characters and of the surrogates that replace bytes which are no text.
NO_TEXT = ("Cc", "Cs")
# The folders of SMILES (D. Hromada et al., SMILEsmileD, 2010) and the book's labels for them.
SMILES = {"negatives/negatives7": "not_smiling", "positives/positives7": "smiling"}


def load_folder(path: Path) -> Dataset:
    """Return the images below the class folders of `path`, with the names of those folders as labels.

    Raises DatasetError if a class is empty, if there are fewer than two, if two names could be mistaken for one
    another, if a folder cannot be read, or if `path` is a level too high or too low.
    """
    if all((path / folder).is_dir() for folder in SMILES):
        return _load_classes(path, [(path / folder, label, "train") for folder, label in SMILES.items()])
    children = _folders(path)
    parts = {child: PART_FOLDERS.get(child.name.lower()) for child in children}
    if {"train"} < set(parts.values()) - {None}:
        if others := [child.name for child, part in parts.items() if part is None]:
            raise DatasetError(f"{path}: {others[0]!r} lies beside train and test; is it a class or a part?")
        roots = [(child, part) for child, part in parts.items() if part]
        return _load_classes(path, [(child, child.name, part) for root, part in roots for child in _folders(root)])
    _require_right_level(path, children)
    return _load_classes(path, [(child, child.name, "train") for child in children])


def _folders(path: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))


def _require_right_level(path: Path, children: list[Path]) -> None:
    """Raise DatasetError, naming the folder to give, if the class folders are above or below those of `path`."""
    if not children:
        if next(iter(walk(str(path))), None) is None:
            raise DatasetError(f"{path}: there are no pictures in it; give a folder that holds one folder a class")
        above = path.resolve().parent
        raise DatasetError(
            f"{path}: it holds pictures and no class folders; give the folder above them, such as {above}"
        )
    if len(children) == 1 and len(below := _folders(children[0])) > 1:
        names = ", ".join(child.name for child in below[:3])
        found = f"it holds one folder, {children[0].name}, whose folders {names} look like classes"
        raise DatasetError(f"{path}: {found}; give {children[0]}")


def _load_classes(path: Path, classes: list[tuple[Path, str, Part]]) -> Dataset:
    labels = sorted({label for _, label, _ in classes})
    _check_names(path, labels)
    places = {label: i for i, label in enumerate(labels)}
    files: list[str] = []
    targets: list[int] = []
    parts: list[Part] = []
    for folder, label, part in classes:
        for source in walk(str(folder)):
            if source.error:
                raise DatasetError(f"{source.path}: {source.error}; a data set with unreadable folders is not used")
            files.append(source.path)
            targets.append(places[label])
            parts.append(part)
    names = tuple(Path(file).relative_to(path).as_posix() for file in files)
    return Dataset(path.resolve().name, tuple(labels), names, np.array(targets, np.int64), files, tuple(parts))


def _check_names(path: Path, classes: list[str]) -> None:
    """Refuse names that differ only in case, space around them or the encoding of accents."""
    seen: dict[str, str] = {}
    for name in classes:
        if not is_text(name):
            raise DatasetError(f"{path}: the class folder {name!r} is not named in readable text; rename it")
        folded = fold_label(name)
        if not folded:
            raise DatasetError(f"{path}: the class folder {name!r} has a blank name; rename it")
        if folded in seen:
            raise DatasetError(f"{path}: the labels {seen[folded]!r} and {name!r} clash; rename or merge the folders")
        seen[folded] = name


def is_text(label: str) -> bool:
    """Whether a label has neither control characters nor bytes that are no text."""
    return not any(unicodedata.category(character) in NO_TEXT for character in label)


def fold_label(label: str) -> str:
    """Return what is equal for two labels that could be mistaken for one another."""
    return unicodedata.normalize("NFKC", label).strip().casefold()
