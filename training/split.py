"""Divide a data set into what is trained on and what is held out, with no picture on both sides."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from edge.errors import DatasetError
from training.dataset import Dataset

# How many times as many images the largest class may have before a warning says so.
IMBALANCE = 2


@dataclass(frozen=True)
class Split:
    """Rows of the data set on either side, in an order drawn from the seed, and the repetitions that were found.

    `repeated` counts pictures with the content of an earlier one; `contradicting` those of them that carry
    another label than that one.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    repeated: int
    contradicting: int


def split_dataset(dataset: Dataset, hashes: list[bytes], share: float, seed: int) -> Split:
    """Return the division that the data set brings, or a stratified one with `share` held out.

    `hashes` are those of the images' contents. Pictures of equal content stand on the same side; where the
    data set brings its own division, those that are held out are taken from the training side. Raises
    DatasetError if a class is too small to stand on both sides.
    """
    first: dict[bytes, int] = {}
    origin = np.array([first.setdefault(content, row) for row, content in enumerate(hashes)])
    rows = np.arange(len(hashes))
    train, held_out = (
        _as_given(dataset, origin) if dataset.parts else _stratified(dataset, origin, rows[origin == rows], share, seed)
    )
    order = np.random.default_rng(seed)
    return Split(
        order.permutation(train),
        order.permutation(held_out),
        repeated=int((origin != rows).sum()),
        contradicting=int((dataset.targets != dataset.targets[origin]).sum()),
    )


def describe_split(dataset: Dataset, split: Split) -> list[str]:
    """Return what is worth knowing about a division, one sentence a line."""
    source = "as the data set says" if dataset.parts else "stratified"
    lines = [f"{len(split.train):,} images to train on, {len(split.held_out):,} held out, {source}"]
    if split.repeated:
        lines.append(f"{split.repeated:,} images repeat another; none stands on both sides")
    if split.contradicting:
        lines.append(f"warning: {split.contradicting:,} of them carry another label than the picture they repeat")
    counts = np.bincount(dataset.targets[split.train], minlength=len(dataset.labels))
    if counts.max() >= IMBALANCE * max(counts.min(), 1):
        most, least = (dataset.labels[int(i)] for i in (counts.argmax(), counts.argmin()))
        lines.append(
            f"warning: classes are unbalanced, {counts.max():,} of {most!r} and {counts.min():,} of {least!r}; "
            "see --class-weights balanced"
        )
    return lines


def _as_given(dataset: Dataset, origin: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    held = np.array([part == "held_out" for part in dataset.parts or ()])
    leaked = np.isin(origin, origin[held])
    return np.flatnonzero(~held & ~leaked), np.flatnonzero(held)


def _stratified(
    dataset: Dataset, origin: NDArray[np.int64], firsts: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    targets = dataset.targets[firsts]
    counts = np.bincount(targets, minlength=len(dataset.labels))
    if counts.min() < 2:
        label = dataset.labels[int(counts.argmin())]
        few = "1 image" if counts.min() else "no image of its own"
        raise DatasetError(f"{dataset.name}: class {label!r} has {few}; every class needs at least 2 different ones")
    # With few images the share may be fewer than there are classes.
    held_count = max(math.ceil(len(firsts) * share), len(dataset.labels))
    _, held = train_test_split(firsts, test_size=held_count, stratify=targets, random_state=seed)
    is_held = np.isin(origin, held)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
