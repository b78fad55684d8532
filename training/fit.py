"""Fit a network to arrays, with a progress bar, repeatably, and stop when the loss is no number."""

import math
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import DivergenceError
from training.recipe import Recipe

History = dict[str, list[float]]


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Show how far the training is, and refuse a loss that is not finite.

    On standard error: one bar for the whole training on a terminal, a line an epoch in a log.
    """

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self._bar = tqdm(total=epochs * steps, unit="step", desc=f"epoch 1/{epochs}", disable=None)
        self._epochs = epochs
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Name the epoch in the bar."""
        self._epoch = epoch + 1
        self._bar.set_description(f"epoch {self._epoch}/{self._epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar. Raises DivergenceError, naming epoch and step."""
        self._bar.update()
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"the loss became {loss} in epoch {self._epoch}, step {batch + 1}; "
                "lower the learning rate or look for damaged labels"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Show the held-out accuracy so far."""
        accuracy = f"held-out accuracy {(logs or {}).get('val_accuracy', 0):.2%}"
        self._bar.set_postfix_str(accuracy)
        if self._bar.disable:
            print(f"epoch {self._epoch}/{self._epochs}, {accuracy}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose the kernels that give the same sums twice."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    recipe: Recipe,
    network: keras.Model,
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    held_out: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> History:
    """Train `network` in place and return loss and accuracy of every epoch, on both sides.

    Arrays are float32 [N, h, w, c] with targets int64 [N]. Raises DivergenceError if the loss is not finite.
    """
    steps = math.ceil(len(train[0]) / recipe.batch_size)
    network.compile(
        optimizer=recipe.optimizer(steps * recipe.epochs), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    progress = Progress(recipe.epochs, steps)
    try:
        fitted: Any = network.fit(
            *train,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            validation_data=held_out,
            callbacks=[progress],
            verbose=0,
        )
    finally:
        progress.close()
    return {name: [float(value) for value in values] for name, values in fitted.history.items()}
