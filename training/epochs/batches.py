"""Hand pictures to a network in batches, brought to values by the preprocessing graph."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data.prepare import Pictures
from training.epochs.augmentation import Augmentation

PREFETCHED, PREDICTED = 4, 32


@dataclass
class Batches:
    """`rows` in batches of `size`, with `weights` [N] of all pictures.

    With a `seed` they are shuffled and augmented. Both follow from the seed and the `epoch`, which the training loop
    sets, so that an interrupted training goes on as if it had not been interrupted.
    """

    pictures: Pictures
    rows: NDArray[np.int64]
    size: int
    weights: NDArray[np.float32]
    seed: int | None = None
    augmentation: Augmentation | None = None
    epoch: int = 0

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]]:
        random = np.random.default_rng((self.seed or 0, self.epoch))
        order = self.rows if self.seed is None else random.permutation(self.rows)
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            pixels = self.pictures.read(rows)
            if self.augmentation is not None:
                pixels = self.augmentation(pixels, random)
            yield self.pictures.preprocessor.values(pixels), self.pictures.dataset.targets[rows], self.weights[rows]

    def as_dataset(self) -> tf.data.Dataset:
        """Return the batches as TensorFlow takes them: values float32 [n, h, w, c], targets [n] and weights [n]."""
        shapes = ((None, *self.pictures.preprocessor.shape), tf.float32), ((None,), tf.int64), ((None,), tf.float32)
        signature = tuple(tf.TensorSpec(*shape) for shape in shapes)
        dataset = tf.data.Dataset.from_generator(self.__iter__, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(PREFETCHED)


def predict(
    network: keras.Model, pictures: Pictures, rows: NDArray[np.int64], *, mirrored: bool = False
) -> Iterator[NDArray[np.float32]]:
    """Yield what `network` gives for `rows`, or for their mirror images, in order: float32 [n, d], batch by batch."""
    for start in range(0, len(rows), PREDICTED):
        pixels = pictures.read(rows[start : start + PREDICTED])
        values = pictures.preprocessor.values(np.ascontiguousarray(pixels[:, :, ::-1]) if mirrored else pixels)
        count = len(values)
        if count < PREDICTED:  # one shape for every batch, for which TensorFlow compiles once
            values = np.concatenate([values, np.zeros((PREDICTED - count, *values.shape[1:]), np.float32)])
        yield network.predict_on_batch(values)[:count]


def class_weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return for each target the weight that gives every class the same total, 1 on average."""
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (np.count_nonzero(counts) * counts[targets])).astype(np.float32)
