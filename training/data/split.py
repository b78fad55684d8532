"""Divide a data set into parts and folds, with pictures of equal content always on the same side."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from edge.errors import DatasetError
from training.data.dataset import Dataset

FOLDS = 5


@dataclass(frozen=True)
class Split:
    """Rows of a data set that are trained on, that choose, and that are reported on; the last two may be empty.

    `origin[i]` is the first row with the content of row i. `left_out` counts pictures that the data set has in two
    parts, and which stay in the later one (test before validation before train).
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    origin: NDArray[np.int64]
    left_out: int = 0


def split_dataset(
    dataset: Dataset, hashes: list[bytes], seed: int, test_share: float, validation_share: float
) -> Split:
    """Return the parts that the data set brings, with those it lacks drawn from its training part, stratified.

    `hashes` are those of the images' contents. A part whose share is 0 is not drawn, and what the data set brings
    for a validation part that is not wanted is trained on. Raises DatasetError if a class is too small.
    """
    first: dict[bytes, int] = {}
    origin = np.array([first.setdefault(content, row) for row, content in enumerate(hashes)], np.int64)
    part = np.array(dataset.parts or ("train",) * len(hashes))
    if not validation_share:
        part[part == "validation"] = "train"
    in_test = np.isin(origin, origin[part == "test"])
    in_validation = np.isin(origin, origin[part == "validation"]) & ~in_test
    left_out = int((in_test & (part != "test")).sum() + (in_validation & (part == "train")).sum())
    test = np.flatnonzero(part == "test")
    validation = np.flatnonzero((part == "validation") & in_validation)
    train = np.flatnonzero((part == "train") & ~in_test & ~in_validation)
    if test_share and not len(test):
        train, test = _draw(dataset, train, origin, test_share, seed)
    if validation_share and not len(validation):
        train, validation = _draw(dataset, train, origin, validation_share, seed + 1)
    _require_all_classes(dataset, train)
    return Split(train, validation, test, origin, left_out)


def assign_folds(
    targets: NDArray[np.int64], origin: NDArray[np.int64], seed: int, folds: int = FOLDS
) -> NDArray[np.int64]:
    """Return for each row the fold, from 0, that it is predicted in: stratified, equal contents in one fold.

    `targets` and `origin` are those of the rows, `origin` any number that is the same for equal contents. There are
    as many folds as the smallest class has different pictures, but at most `folds`. Raises DatasetError if a class
    has but one.
    """
    _, first, inverse = np.unique(origin, return_index=True, return_inverse=True)
    smallest = int(np.bincount(targets[first]).min())
    if smallest < 2:
        raise DatasetError("every class needs at least 2 different pictures, one to learn from and one to check by")
    fold_of = np.empty(len(first), np.int64)
    splitter = StratifiedKFold(min(folds, smallest), shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(splitter.split(first, targets[first])):
        fold_of[rows] = fold
    return fold_of[inverse]


def _draw(
    dataset: Dataset, rows: NDArray[np.int64], origin: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `rows` without, and the rows of, a stratified part of about `share`."""
    firsts = rows[origin[rows] == rows]
    targets = dataset.targets[firsts]
    counts = np.bincount(targets, minlength=len(dataset.labels))
    if counts.min() < 2:
        label = dataset.labels[int(counts.argmin())]
        raise DatasetError(
            f"{dataset.name}: class {label!r} has {counts.min()} different images to divide; "
            "every class needs one for each of train, validation and test"
        )
    # With few images the share may be fewer than there are classes.
    drawn = max(math.ceil(len(firsts) * share), len(dataset.labels))
    _, drawn_rows = train_test_split(firsts, test_size=drawn, stratify=targets, random_state=seed)
    is_drawn = np.isin(origin[rows], drawn_rows)
    return rows[~is_drawn], rows[is_drawn]


def _require_all_classes(dataset: Dataset, train: NDArray[np.int64]) -> None:
    counts = np.bincount(dataset.targets[train], minlength=len(dataset.labels))
    if counts.min() == 0:
        label = dataset.labels[int(counts.argmin())]
        raise DatasetError(
            f"{dataset.name}: class {label!r} has no pictures to train on; add some to its training part, or remove it"
        )
