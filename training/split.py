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

    `repeated` counts pictures with the content of an earlier one; `contradicting` are those of them that carry
    another label than that one, and that one, by row. `left_out` counts pictures that a data set's own division
    has on both sides, and which are not trained on for that.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    repeated: int = 0
    contradicting: tuple[tuple[int, int], ...] = ()
    left_out: int = 0


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
        contradicting=tuple(
            (int(row), int(origin[row])) for row in np.flatnonzero(dataset.targets != dataset.targets[origin])
        ),
        left_out=len(hashes) - len(train) - len(held_out),
    )


def describe_split(dataset: Dataset, split: Split, balanced: bool) -> list[str]:
    """Return what is worth knowing about a division, one sentence a line; `balanced` classes are weighted."""
    source = "as the data set says" if dataset.parts else "stratified"
    lines = [f"{len(split.train):,} images to train on, {len(split.held_out):,} held out, {source}"]
    if split.repeated:
        lines.append(f"{_counted(split.repeated, 'repeats', 'repeat')} another; none stands on both sides")
    if split.left_out:
        lines.append(f"warning: {_counted(split.left_out, 'is', 'are')} not trained on, being held out as well")
    if split.contradicting:
        row, origin = split.contradicting[0]
        count = _counted(len(split.contradicting), "carries", "carry")
        lines.append(
            f"warning: {count} another label than the picture repeated, such as "
            f"{dataset.names[row]} and {dataset.names[origin]}"
        )
    return [*lines, *_describe_imbalance(dataset, split, balanced), *_describe_unjudged(dataset, split)]


def _counted(images: int, singular: str, plural: str) -> str:
    return f"1 image {singular}" if images == 1 else f"{images:,} images {plural}"


def _describe_imbalance(dataset: Dataset, split: Split, balanced: bool) -> list[str]:
    counts = np.bincount(dataset.targets[split.train], minlength=len(dataset.labels))
    if counts.max() < IMBALANCE * max(counts.min(), 1):
        return []
    most, least = (dataset.labels[int(i)] for i in (counts.argmax(), counts.argmin()))
    found = f"classes are unbalanced, {counts.max():,} of {most!r} and {counts.min():,} of {least!r}; "
    if balanced:
        return [found + "weighted so that each counts the same"]
    return [f"warning: {found}see --class-weights balanced"]


def _describe_unjudged(dataset: Dataset, split: Split) -> list[str]:
    """Return a warning where the held-out side lacks a class, which only a data set's own division can do."""
    held_out = np.bincount(dataset.targets[split.held_out], minlength=len(dataset.labels))
    lacking = [label for label, count in zip(dataset.labels, held_out, strict=True) if count == 0]
    if not lacking:
        return []
    more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
    alone = ", and of only one class one is; evaluate the run with --dataset" if np.count_nonzero(held_out) == 1 else ""
    return [f"warning: no picture of {lacking[0]!r}{more} is held out, so nothing judges it{alone}"]


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
