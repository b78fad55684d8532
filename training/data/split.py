"""Divide a data set into parts and folds, with pictures of equal content always on the same side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from training.data.dataset import Dataset

FOLDS = 5

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows of a data set to train on, to choose by and to report on; the last two may be empty.

    `origin[i]` is the first row with the content of row i. `left_out` counts pictures that are in two parts of the data
    set, and stay in the later one (test before validation before train).
    """

    train: Rows
    validation: Rows
    test: Rows
    origin: Rows
    left_out: int = 0


def split_dataset(
    dataset: Dataset, hashes: list[bytes], seed: int, test_share: float, validation_share: float
) -> Split:
    """Return the parts that the data set has, with those it lacks drawn from its training part, class by class.

    `hashes` are those of the contents. A part whose share is 0 is not drawn, and a validation part that is not wanted
    is trained on. Raises DatasetError if a class is too small.
    """
    first: dict[bytes, int] = {}
    origin = np.array([first.setdefault(content, row) for row, content in enumerate(hashes)], np.int64)
    part = np.array(dataset.parts)
    if not validation_share:
        part[part == "validation"] = "train"
    in_test = np.isin(origin, origin[part == "test"])
    in_validation = np.isin(origin, origin[part == "validation"]) & ~in_test
    left_out = int((in_test & (part != "test")).sum() + (in_validation & (part == "train")).sum())
    test = np.flatnonzero(part == "test")
    validation = np.flatnonzero((part == "validation") & in_validation)
    train = np.flatnonzero((part == "train") & ~in_test & ~in_validation)
    random = np.random.default_rng(seed)
    if test_share and not len(test):
        train, test = _draw(dataset, train, origin, test_share, random)
    if validation_share and not len(validation):
        train, validation = _draw(dataset, train, origin, validation_share, random)
    if missing := set(range(len(dataset.labels))) - set(dataset.targets[train].tolist()):
        label = dataset.labels[min(missing)]
        raise DatasetError(f"{dataset.name}: class {label!r} has no pictures to train on; add some, or remove it")
    return Split(train, validation, test, origin, left_out)


def _draw(dataset: Dataset, rows: Rows, origin: Rows, share: float, random: np.random.Generator) -> tuple[Rows, Rows]:
    """Return `rows` without, and the rows of, a part of about `share` of each class: at least one, and never all."""
    firsts = rows[origin[rows] == rows]
    drawn = []
    for target, label in enumerate(dataset.labels):
        of_class = random.permutation(firsts[dataset.targets[firsts] == target])
        if len(of_class) < 2:
            found = f"class {label!r} has {len(of_class)} different images to divide"
            raise DatasetError(f"{dataset.name}: {found}; every class needs one each for train, validation and test")
        drawn.append(of_class[: min(max(round(len(of_class) * share), 1), len(of_class) - 1)])
    is_drawn = np.isin(origin[rows], np.concatenate(drawn))
    return rows[~is_drawn], rows[is_drawn]


def assign_folds(targets: Rows, origin: Rows, seed: int) -> Rows:
    """Return for each row the fold, from 0, in which it is predicted: stratified, equal contents in one fold.

    `origin` is any number that is the same for equal contents. There are as many folds as the smallest class has
    different pictures, but at most `FOLDS`. Raises DatasetError if a class has only one.
    """
    _, first, inverse = np.unique(origin, return_index=True, return_inverse=True)
    smallest = int(np.bincount(targets[first]).min())
    if smallest < 2:
        raise DatasetError("every class needs at least 2 different pictures, one to learn from and one to check by")
    # Dealt out like cards, class after class.
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(targets[first][order], kind="stable")]
    fold_of = np.empty(len(first), np.int64)
    fold_of[order] = np.arange(len(first)) % min(FOLDS, smallest)
    return fold_of[inverse]
