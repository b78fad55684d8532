"""Divide a data set into what is trained on and what is held out."""

import math

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from edge.errors import DatasetError
from training.dataset import Dataset

HELD_OUT_SHARE = 0.25


def stratified_split(dataset: Dataset, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training and of the held-out images, every class in the same proportion.

    Both are in an order drawn from `seed`. Raises DatasetError if a class is too small to stand on both sides.
    """
    counts = np.bincount(dataset.targets, minlength=len(dataset.labels))
    if counts.min() < 2:
        label = dataset.labels[int(counts.argmin())]
        raise DatasetError(f"{dataset.name}: class {label!r} has 1 image; every class needs at least 2")
    # With few images a quarter of them may be fewer than there are classes.
    held_out = max(math.ceil(len(dataset.targets) * HELD_OUT_SHARE), len(dataset.labels))
    train, held = train_test_split(
        np.arange(len(dataset.targets)), test_size=held_out, stratify=dataset.targets, random_state=seed
    )
    return train, held
