"""Divide every batch among the replicas of a training that is spread over several devices."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.batches import PREFETCHED, Batches

# Pictures [n, h, w, c], targets [n], weights [n] over the length of the whole batch, and 1 for each that counts.
Share = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Shares:
    """Of every batch the parts for `count` replicas from `first` on, of `total` in all.

    The sum of weight times loss over all parts is the mean loss of the batch, however unequal they are. A
    replica for which a short batch has no picture gets one that weighs nothing: not every layer can do
    with none.
    """

    batches: Batches
    total: int
    first: int
    count: int

    def __iter__(self) -> Iterator[tuple[Share, ...]]:
        order, size = self.batches.order(), self.batches.size
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            parts = np.array_split(rows, self.total)[self.first : self.first + self.count]
            yield tuple(self._share(part, rows) for part in parts)

    def _share(self, part: NDArray[np.int64], batch: NDArray[np.int64]) -> Share:
        counted = np.ones(len(part), np.float32) if len(part) else np.zeros(1, np.float32)
        rows = part if len(part) else batch[:1]
        weights = self.batches.weights[rows] * counted / np.float32(len(batch))
        return self.batches.arrays[rows], self.batches.targets[rows], weights, counted

    def as_dataset(self) -> tf.data.Dataset:
        """Return the parts as TensorFlow takes them; every pass over them is one epoch."""
        row = tf.TensorSpec((None,), tf.float32)
        pictures = tf.TensorSpec((None, *self.batches.arrays.shape[1:]), tf.float32)
        signature = ((pictures, tf.TensorSpec((None,), tf.int64), row, row),) * self.count
        return tf.data.Dataset.from_generator(self.__iter__, output_signature=signature).prefetch(PREFETCHED)
