"""No content in two parts or folds, every class in each, and the parts that a data set brings are its parts."""

from typing import Any

import numpy as np
import pytest

from edge.errors import DatasetError
from training.data.dataset import Dataset, Part
from training.data.split import assign_folds, split_dataset


def made(targets: list[int], parts: tuple[Part, ...] | None = None) -> Dataset:
    names = [f"{i}.png" for i in range(len(targets))]
    labels = tuple("abc"[: max(targets) + 1])
    return Dataset("made", labels, tuple(names), np.array(targets), names, parts or ("train",) * len(names))


def contents(*numbers: int) -> list[bytes]:
    return [str(number).encode() for number in numbers]


def test_parts_are_stratified_shares_and_the_seed_decides() -> None:
    dataset, hashes = made([0] * 120 + [1] * 60 + [2] * 20), contents(*range(200))
    split = split_dataset(dataset, hashes, 1, 0.25, 0.1)
    assert np.bincount(dataset.targets[split.test]).tolist() == [30, 15, 5]
    assert len(split.validation) == 15
    assert np.bincount(dataset.targets[split.validation]).min() >= 1
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(200))
    again, other = (split_dataset(dataset, hashes, seed, 0.25, 0.1) for seed in (1, 2))
    assert np.array_equal(split.test, again.test)
    assert not np.array_equal(split.test, other.test)


def test_copies_are_in_one_part_and_in_one_fold() -> None:
    targets = [0, 1] * 60
    hashes = contents(*(i % 80 for i in range(120)))  # 40 pictures are there twice
    split = split_dataset(made(targets), hashes, 3, 0.25, 0.1)
    parts = [{hashes[i] for i in rows} for rows in (split.train, split.validation, split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 80
    assert len(parts[2]) == 20  # a quarter of the different ones
    assert [hashes[i] for i in split.origin] == hashes
    folds = assign_folds(np.array(targets), split.origin, 3)
    assert all(folds[i] == folds[i + 80] for i in range(40))
    assert np.bincount(folds).tolist() == [24] * 5 or np.bincount(folds).min() >= 16
    different = folds[:80]
    assert [np.bincount(np.array(targets[:80])[different == fold]).tolist() for fold in range(5)] == [[8, 8]] * 5
    assert np.array_equal(folds, assign_folds(np.array(targets), split.origin, 3))


def test_as_many_folds_as_the_smallest_class_has_pictures() -> None:
    targets = np.array([0] * 20 + [1] * 3)
    assert assign_folds(targets, np.arange(23), 1).max() == 2
    with pytest.raises(DatasetError):
        assign_folds(targets, np.array([*range(20), 20, 20, 20]), 1)


def test_parts_of_the_data_set_are_kept_but_for_leaks() -> None:
    parts: tuple[Part, ...] = ("train",) * 6 + ("validation",) * 2 + ("test",) * 4
    # Of the training part one is in the test part and one in the validation part, of which one is in the test part.
    dataset, hashes = made([0, 1] * 6, parts=parts), contents(0, 1, 2, 3, 8, 7, 11, 7, 8, 9, 10, 11)
    split = split_dataset(dataset, hashes, 1, 0.25, 0.1)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1, 2, 3], [7], [8, 9, 10, 11])
    assert split.left_out == 3
    unwanted = split_dataset(dataset, hashes, 1, 0.25, 0.0)
    assert (len(unwanted.validation), set(unwanted.test.tolist())) == (0, {8, 9, 10, 11})
    assert {0, 1, 2, 3, 5, 7} == set(unwanted.train.tolist())


def test_a_part_that_is_missing_is_drawn_from_the_training_part() -> None:
    parts: tuple[Part, ...] = ("train",) * 40 + ("test",) * 10
    split = split_dataset(made([0, 1] * 25, parts=parts), contents(*range(50)), 1, 0.5, 0.1)
    assert split.test.tolist() == list(range(40, 50))
    assert (len(split.validation), len(split.train)) == (4, 36)


@pytest.mark.parametrize(
    ("targets", "numbers"),
    [([0, 0, 0, 0, 1], range(5)), ([0, 0, 0, 0, 1, 1], (0, 1, 2, 3, 4, 4)), ([0, 0, 0, 0, 1, 1], range(6))],
    ids=["one picture", "two copies", "two pictures for three parts"],
)
def test_a_class_that_is_too_small_is_refused(targets: list[int], numbers: Any) -> None:
    with pytest.raises(DatasetError, match="'b'"):
        split_dataset(made(targets), contents(*numbers), 1, 0.25, 0.1)
