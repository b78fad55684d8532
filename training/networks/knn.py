"""k nearest neighbours as a network (Starter Bundle, chapter 7), so that it exports and serves like any other.

The squared distance of a picture x to a remembered picture p is |x|^2 - 2 (x.p - |p|^2 / 2). Its first term
is the same for all p, so the nearest are those with the largest x.p - |p|^2 / 2: one dense layer whose
weights are the pictures. The labels of the k largest are looked up and averaged: the share of the votes.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from edge.errors import DatasetError
from training.networks.architecture import Architecture


@dataclass(frozen=True)
class NearestNeighbours:
    """A classifier that remembers its training images and lets the `k` nearest of them vote."""

    k: int

    def __call__(
        self, architecture: Architecture, images: NDArray[np.float32], targets: NDArray[np.int64]
    ) -> keras.Model:
        """Return the finished classifier: float32 like `images` [M, h, w, c] to the share of votes [N, classes].

        Raises DatasetError if there are fewer than `k` images.
        """
        if len(images) < self.k:
            raise DatasetError(f"{self.k} neighbours need at least {self.k} images. Received: {len(images)}")
        points = images.reshape(len(images), -1)
        votes = np.eye(architecture.classes, dtype=np.float32)[targets]
        inputs = architecture.input()
        similarity = layers.Dense(len(points), name="similarity")
        labels = layers.Embedding(len(points), architecture.classes, name="labels")
        _, nearest = ops.top_k(similarity(layers.Flatten()(inputs)), self.k)
        network = keras.Model(inputs, layers.GlobalAveragePooling1D()(labels(nearest)), name="knn")
        similarity.set_weights([points.T, -0.5 * np.square(points, dtype=np.float64).sum(axis=1).astype(np.float32)])
        labels.set_weights([votes])
        network.trainable = False
        return network
