"""Data sets that a recipe cannot be trained on."""

from dataclasses import replace

import numpy as np
import pytest

from edge.errors import DatasetError
from training.dataset import Dataset
from training.recipes import load_recipe
from training.split import Split
from training.suitability import require_class_count, require_suitable

NAMES = tuple(f"{label}/{i}.png" for label in "abc" for i in range(4))
THREE = Dataset("letters", ("a", "b", "c"), NAMES, np.repeat(np.arange(3), 4), lambda _: b"")


def split(held_out: list[int]) -> Split:
    return Split(np.setdiff1d(np.arange(12), held_out), np.array(held_out, np.int64), 0, 0)


def test_as_many_classes_as_the_recipe_is_for() -> None:
    two = replace(load_recipe("lenet"), classes=2)
    with pytest.raises(DatasetError, match=r"for 2 classes\. Received: 3 in letters"):
        require_class_count(two, THREE)
    require_class_count(replace(two, classes=3), THREE)
    require_class_count(load_recipe("lenet"), THREE)
    require_suitable(THREE, split([0, 4, 8]))


def test_a_side_with_nothing_held_out_is_said() -> None:
    with pytest.raises(DatasetError, match="letters: its held-out side has no pictures"):
        require_suitable(THREE, split([]))


def test_a_class_that_is_held_out_whole_is_named() -> None:
    with pytest.raises(DatasetError, match="'b' has held-out ones only"):
        require_suitable(THREE, split([4, 5, 6, 7]))
