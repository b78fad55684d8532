"""Hand the rows of arrays, in memory or mapped from disk, to Keras in shuffled batches.

It exists because the order must follow from the seed and the epoch alone, so that a training that was
interrupted goes on as if it had not been, and because rows of a mapped file must be read as they are needed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

PREFETCHED = 4


@dataclass
class Batches:
    """Rows `indices` of `arrays` float32 [N, h, w, c] with their `targets` [N] and `weights` [N].

    With a `seed` the order is another one in each `epoch`, which whoever trains sets; without, it is that of
    `indices`.
    """

    arrays: NDArray[np.float32]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    indices: NDArray[np.int64]
    size: int
    seed: int | None = None
    epoch: int = 0

    def __len__(self) -> int:
        return math.ceil(len(self.indices) / self.size)

    def order(self) -> NDArray[np.int64]:
        """Return the rows in the order of the current epoch."""
        if self.seed is None:
            return self.indices
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.indices)

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]]:
        order = self.order()
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            yield self.arrays[rows], self.targets[rows], self.weights[rows]

    def as_dataset(self) -> tf.data.Dataset:
        """Return the batches as TensorFlow takes them; every pass over it is one epoch."""
        signature = (
            tf.TensorSpec((None, *self.arrays.shape[1:]), tf.float32),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((None,), tf.float32),
        )
        dataset = tf.data.Dataset.from_generator(self.__iter__, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(PREFETCHED)


def balanced_weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return for each target the weight that gives every class the same total, 1 on average."""
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (np.count_nonzero(counts) * counts[targets])).astype(np.float32)
