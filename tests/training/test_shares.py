"""Shares: together they are the batch, and their weighted sums its mean, however it divides."""

import numpy as np
import pytest

from training.batches import Batches
from training.shares import Shares

CHANCE = np.random.default_rng(2)
WEIGHTS = CHANCE.uniform(0.5, 2, 21).astype(np.float32)
LOSSES = CHANCE.random(21)  # of each picture, whose only pixel is its number


def batches() -> Batches:
    arrays = np.arange(21, dtype=np.float32).reshape(21, 1, 1, 1)
    return Batches(arrays, np.arange(21), WEIGHTS, np.arange(21), size=4, seed=7)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2])
def test_the_shares_of_all_workers_are_the_batch(workers: int, count: int) -> None:
    total = workers * count
    parts = [list(Shares(batches(), total, worker * count, count)) for worker in range(workers)]
    expected = list(batches())
    assert [len(part) for part in parts] == [len(expected)] * workers
    for i, (images, targets, weights) in enumerate(expected):
        shares = [share for part in parts for share in part[i]]
        assert len(shares) == total
        counted = np.concatenate([share[3] for share in shares]).astype(bool)
        assert np.array_equal(np.concatenate([share[0] for share in shares])[counted], images)
        assert np.array_equal(np.concatenate([share[1] for share in shares])[counted], targets)
        loss = sum(float((share[2] * LOSSES[share[1]]).sum()) for share in shares)
        # Weights are float32.
        assert loss == pytest.approx((weights * LOSSES[targets]).sum() / len(targets), rel=1e-6)


def test_a_replica_without_a_picture_gets_one_that_does_not_count() -> None:
    *_, last = Shares(batches(), total=2, first=1, count=1)  # 21 pictures in batches of 4: one is left over
    ((images, targets, weights, counted),) = last
    assert (len(images), len(targets), weights.tolist(), counted.tolist()) == (1, 1, [0.0], [0.0])


def test_tensorflow_sees_the_same_shares() -> None:
    shares = Shares(batches(), total=3, first=1, count=2)
    for seen, expected in zip(shares.as_dataset(), shares, strict=True):
        for ours, theirs in zip(seen, expected, strict=True):
            assert all(np.array_equal(a.numpy(), b) for a, b in zip(ours, theirs, strict=True))
