"""Whether a recipe can be trained on a data set at all."""

import numpy as np

from edge.errors import DatasetError
from training.dataset import Dataset
from training.recipe import Recipe
from training.split import Split


def require_suitable(dataset: Dataset, split: Split) -> None:
    """Raise DatasetError if a class has nothing to be learned from, or nothing judges any."""
    if not len(split.held_out):
        raise DatasetError(f"{dataset.name}: its held-out side has no pictures; add some, or leave that side out")
    counts = np.bincount(dataset.targets[split.train], minlength=len(dataset.labels))
    unseen = np.flatnonzero(counts == 0)
    if len(unseen):
        raise DatasetError(
            f"every class needs pictures to train on, and {dataset.labels[unseen[0]]!r} has held-out ones only; "
            "add some to its training side, or remove the class"
        )


def require_class_count(recipe: Recipe, dataset: Dataset) -> None:
    """Raise DatasetError if the classes are not as many as the recipe is for, which shows before anything is read."""
    count = len(dataset.labels)
    if recipe.classes is not None and count != recipe.classes:
        raise DatasetError(
            f"the recipe {recipe.name} is for {recipe.classes} classes. Received: {count} in {dataset.name}; "
            "name the folder above them with --dataset and --class-depth, or take another recipe"
        )
