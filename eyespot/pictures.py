"""`LabelledPictures`: a folder of labelled pictures, prepared by a preprocessing graph, as Keras trains on it."""

import weakref
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.steps import Step
from training.data.load import load_dataset
from training.data.prepare import Pictures, prepare
from training.data.split import split_dataset
from training.data.store import Store, cache_folder


class LabelledPictures(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches `(images, targets)` for `fit`, `evaluate` and `predict`; made by `Preprocessing.map`.

    Images are float32 [n, *shape], targets int64 [n]: what the loss `"sparse_categorical_crossentropy"` takes.
    """

    def __init__(self, pictures: Pictures, rows: NDArray[np.int64], batch_size: int, seed: int | None) -> None:
        super().__init__()
        self._pictures, self._rows, self._batch_size = pictures, rows, batch_size
        self._random = None if seed is None else np.random.default_rng(seed)
        self._seed = seed
        self.on_epoch_end()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the targets: what `eyespot.export` takes."""
        return self._pictures.dataset.labels

    @property
    def targets(self) -> NDArray[np.int64]:
        """The class of every picture, int64 [N], in the order of this epoch."""
        return self._pictures.dataset.targets[self._rows]

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = self._rows[index * self._batch_size :][: self._batch_size]
        pictures = self._pictures
        return pictures.preprocessor.values(pictures.read(rows)), pictures.dataset.targets[rows]

    def on_epoch_end(self) -> None:
        """Choose the order of the next epoch, as Keras asks for."""
        if self._random is not None:
            self._rows = self._random.permutation(self._rows)

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return all images [N, *shape] and targets [N] in memory, for a small data set."""
        batches = [self[i] for i in range(len(self))]
        return np.concatenate([images for images, _ in batches]), np.concatenate([targets for _, targets in batches])

    def split(self, share: float = 0.2) -> tuple["LabelledPictures", "LabelledPictures"]:
        """Return a data set to train on and one for validation, with about `share` of each class.

        Copies of a picture stay on one side, and the validation part is not shuffled. Where the folder holds `train`
        and `val`, these are the two. Raises DatasetError if a class is too small.
        """
        if not 0 < share < 1:
            raise UsageError(f"share must be above 0 and below 1. Received: {share}")
        pictures = self._pictures
        parts = split_dataset(pictures.dataset, pictures.hashes, self._seed or 0, 0.0, share)
        return (
            LabelledPictures(pictures, parts.train, self._batch_size, self._seed),
            LabelledPictures(pictures, parts.validation, self._batch_size, None),
        )


def load_pictures(
    folder: Path, steps: tuple[Step, ...], batch_size: int, seed: int | None, skip_bad: bool
) -> LabelledPictures:
    """Return the pictures of a folder, prepared by `steps`. Raises DatasetError as `Preprocessing.map` does."""
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1. Received: {batch_size}")
    dataset = load_dataset(str(folder))
    store = Store(cache_folder())
    try:
        pictures = prepare(dataset, steps, store, skip_bad)
    except BaseException:
        store.__exit__(None, None, None)
        raise
    # The pictures are read from the cache for as long as anybody has the data set.
    weakref.finalize(pictures, store.__exit__, None, None, None)
    return LabelledPictures(pictures, np.arange(len(pictures)), batch_size, seed)
