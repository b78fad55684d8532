"""The split: complete, disjoint, repeatable, and every class in its share."""

import numpy as np
import pytest

from edge.errors import DatasetError
from training.dataset import Dataset
from training.datasets.digits import load_digits
from training.split import split_dataset

Rows = tuple[np.ndarray, np.ndarray]


def stratified_split(dataset: Dataset, seed: int) -> Rows:
    """Return both sides of a quarter held out, of pictures that all differ."""
    split = split_dataset(dataset, [str(i).encode() for i in range(len(dataset.names))], 0.25, seed)
    return split.train, split.held_out


def with_counts(*counts: int) -> Dataset:
    targets = np.repeat(np.arange(len(counts)), counts)
    labels = tuple(f"class {i}" for i in range(len(counts)))
    return Dataset("pets", labels, tuple(map(str, range(len(targets)))), targets, lambda _: b"")


COUNTS = [(40, 40), (100, 20, 4), (2, 2, 2, 2, 2), (3, 2), (2, 97), (1000, 7, 13)]


@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_both_sides_together_are_all_images_once(counts: tuple[int, ...]) -> None:
    train, held_out = stratified_split(with_counts(*counts), 1)
    assert sorted([*train, *held_out]) == list(range(sum(counts)))


@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_every_class_is_on_both_sides_in_its_share(counts: tuple[int, ...]) -> None:
    dataset = with_counts(*counts)
    train, held_out = stratified_split(dataset, 1)
    share = len(held_out) / sum(counts)
    found = np.bincount(dataset.targets[held_out], minlength=len(counts))
    assert np.abs(found - np.array(counts) * share).max() <= 1
    assert np.bincount(dataset.targets[train], minlength=len(counts)).min() >= 1
    assert found.min() >= 1


@pytest.mark.parametrize(("counts", "size"), [((40, 40), 20), ((41, 40), 21), ((100, 20, 4), 31), ((2, 2, 2), 3)])
def test_a_quarter_is_held_out_but_at_least_one_of_each_class(counts: tuple[int, ...], size: int) -> None:
    assert len(stratified_split(with_counts(*counts), 1)[1]) == size


def test_digits_are_1347_to_450() -> None:
    dataset = load_digits()
    train, held_out = stratified_split(dataset, 42)
    assert (len(train), len(held_out)) == (1347, 450)
    exact = np.bincount(dataset.targets) * 450 / 1797
    assert np.abs(np.bincount(dataset.targets[held_out]) - exact).max() < 1


def test_the_seed_decides() -> None:
    dataset = with_counts(60, 60)
    one, again, other = (stratified_split(dataset, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert set(one[1]) != set(other[1])


def test_images_are_not_in_order_of_class() -> None:
    train, _ = stratified_split(with_counts(60, 60), 1)
    assert np.any(np.diff(train) < 0)


@pytest.mark.parametrize("counts", [(1, 9), (9, 1), (5, 1, 5)])
def test_a_class_of_one_image_is_named(counts: tuple[int, ...]) -> None:
    with pytest.raises(DatasetError, match=rf"pets: class 'class {counts.index(1)}' has 1 image; .* at least 2"):
        stratified_split(with_counts(*counts), 1)
