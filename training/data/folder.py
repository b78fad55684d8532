"""A folder of pictures as a data set: one folder a class, any number of images in each.

Two layouts are known besides: `train/`, `val/` and `test/` above the class folders, which then are the parts of the
data set; and that of SMILES (`positives/positives7`, `negatives/negatives7`), the book's faces.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.errors import DatasetError, ImageError
from edge.image import MAX_PIXELS, most_bytes, opened_image
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
# No picture that is decoded needs more, whatever its header says.
LARGEST_BYTES = most_bytes(MAX_PIXELS)


def load_folder(path: Path, class_depth: int = 0) -> Dataset:
    """Return the images below the class folders of `path`, with those folders' names as labels.

    `class_depth` folders lie between `path` and a class folder; those named in `PART_FOLDERS` are found by
    themselves. Raises DatasetError if a class is empty, if there are fewer than two, if two names would be
    mistaken for one another, if a folder cannot be read, or if `path` is a level too high or too low.
    """
    parts: dict[Path, Part | None] = {path: None}
    if class_depth == 0:
        if all((path / folder).is_dir() for folder in SMILES):
            return _load_classes(path, [(path / folder, label, None) for folder, label in SMILES.items()])
        children = _folders(path)
        found = {PART_FOLDERS.get(child.name.lower()) for child in children}
        if "train" in found and found & {"validation", "test"}:
            parts = {child: PART_FOLDERS.get(child.name.lower()) for child in children}
            if strangers := [child.name for child, part in parts.items() if part is None]:
                raise DatasetError(f"{path}: {strangers[0]!r} lies beside train and test; is it a class or a part?")
        else:
            _require_right_level(path, children)
    roots = list(parts.items())
    for _ in range(class_depth):
        roots = [(child, part) for root, part in roots for child in _folders(root)]
    return _load_classes(path, [(child, child.name, part) for root, part in roots for child in _folders(root)])


def _folders(path: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))


def _require_right_level(path: Path, children: list[Path]) -> None:
    """Raise DatasetError, naming the folder to give, if the class folders are above or below those of `path`."""
    if not children:
        if next(iter(walk(str(path))), None) is None:
            raise DatasetError(f"{path}: there are no pictures in it; give a folder that holds one folder a class")
        raise DatasetError(
            f"{path}: it holds pictures and no class folders; give the folder above the classes, such as "
            f"{path.resolve().parent}"
        )
    if len(children) == 1 and len(below := _folders(children[0])) > 1:
        names = ", ".join(child.name for child in below[:3])
        raise DatasetError(
            f"{path}: it holds one folder, {children[0].name}, whose folders {names} look like classes; "
            f"give {children[0]}"
        )


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
        path=lambda i: Path(files[i][0]),
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


def walk_pictures(folder: str) -> Iterator[str]:
    """Yield the paths of the pictures below `folder`. Raises DatasetError for a folder that cannot be read."""
    for source in walk(folder):
        if source.error:
            raise DatasetError(f"{source.path}: {source.error}, and a data set is taken whole or not at all")
        yield source.path


def read_picture(path: str) -> bytes:
    """Return the content of the file at `path`. Raises ImageError, also for what is no file or too large."""
    with _opened(path) as stream:
        return stream.read()


def hash_picture(path: str) -> bytes:
    """Return the SHA-256 of the file at `path`, read in pieces. Raises ImageError as `read_picture` does."""
    with _opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").digest()  # type: ignore[arg-type]  # it has readinto


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with opened_image(path) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > LARGEST_BYTES:
            raise ImageError("too_many_bytes", f"{size_bytes:,} bytes are more than any picture can need")
        yield stream
