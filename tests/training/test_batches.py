"""Batches: every row once an epoch, in an order that follows from seed and epoch."""

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from training.batches import Batches, balanced_weights


def make(seed: int | None, indices: list[int] | None = None) -> Batches:
    rows = np.array(indices or range(10), np.int64)
    arrays = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    return Batches(arrays, np.arange(10), np.ones(10, np.float32), rows, size=4, seed=seed)


def pixels(batches: Batches) -> list[float]:
    return [float(value) for images, _, _ in batches for value in images.ravel()]


def test_without_a_seed_rows_come_as_they_are() -> None:
    assert pixels(make(None, [3, 1, 7])) == [3, 1, 7]
    assert [len(images) for images, _, _ in make(None)] == [4, 4, 2]
    assert len(make(None)) == 3


def test_every_row_comes_once_and_with_its_own_target() -> None:
    batches = make(seed=1)
    assert sorted(pixels(batches)) == list(range(10))
    for images, targets, _ in batches:
        assert np.array_equal(images.ravel(), targets)


def test_the_order_follows_from_seed_and_epoch() -> None:
    first, again, other_seed, other_epoch = make(1), make(1), make(2), make(1)
    other_epoch.epoch = 1
    assert pixels(first) == pixels(again)
    assert pixels(first) != pixels(other_seed)
    assert pixels(first) != pixels(other_epoch)


def test_tensorflow_sees_the_same_batches() -> None:
    batches = make(seed=5)
    seen = [float(value) for images, _, _ in batches.as_dataset() for value in images.numpy().ravel()]
    assert seen == pixels(batches)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    targets = np.array([0, 0, 0, 1, 2, 2])
    assert np.allclose(balanced_weights(targets, classes=3), compute_sample_weight("balanced", targets))
