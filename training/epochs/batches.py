"""Hand pictures to Keras in shuffled batches, augmented and then brought to values by the preprocessing graph.

The order and the augmentation follow from the seed and the epoch alone, so that an interrupted training goes on as
if it had not been interrupted.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data.prepare import Pictures
from training.epochs.augmentation import Augmentation

PREFETCHED = 4


@dataclass
class Batches:
    """Rows of `pictures` with `targets` [N] and `weights` [N], in batches of `size`.

    With a `seed` the order is another one in each `epoch`, which the training loop sets, and `augmentation` is
    applied; without, the order is that of `rows`.
    """

    pictures: Pictures
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    rows: NDArray[np.int64]
    size: int
    seed: int | None = None
    augmentation: Augmentation | None = None
    epoch: int = 0

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.size)

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]]:
        order, random = self.rows, None
        if self.seed is not None:
            random = np.random.default_rng((self.seed, self.epoch))
            order = random.permutation(order)
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            pixels = self.pictures.read(rows)
            if random is not None and self.augmentation is not None:
                pixels = self.augmentation(pixels, random)
            yield self.pictures.values(pixels), self.targets[rows], self.weights[rows]

    def as_dataset(self, shape: tuple[int, ...]) -> tf.data.Dataset:
        """Return the batches as TensorFlow takes them, pictures of `shape`; every pass over it is one epoch."""
        signature = (
            tf.TensorSpec((None, *shape), tf.float32),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((None,), tf.float32),
        )
        dataset = tf.data.Dataset.from_generator(self.__iter__, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(PREFETCHED)


def class_weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return for each target the weight that gives every class the same total, 1 on average."""
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (np.count_nonzero(counts) * counts[targets])).astype(np.float32)
