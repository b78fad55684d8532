"""Fit a network to batches: schedule, progress, a check of every loss, and what is done after every epoch."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import DivergenceError
from training.epochs.batches import Batches
from training.epochs.history import Epoch, History
from training.epochs.schedules import Progress, Schedule


@dataclass(frozen=True)
class FitConfig:
    """How long a training runs, at which rates, and after how many epochs without a better one it stops early."""

    schedule: Schedule
    epochs: int
    early_stopping_epochs: int | None = None


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose the kernels that give the same sums twice."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    network: keras.Model,
    training: Batches,
    validation: Batches,
    config: FitConfig,
    history: History,
    after_epoch: Callable[[History], None],
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> History:
    """Train the compiled `network` in place, on from `history`, and return the history of all epochs.

    `after_epoch` is called with the history so far. Raises DivergenceError if the loss is not finite.
    """
    if history.epochs and config.early_stopping_epochs and history.has_stalled(config.early_stopping_epochs):
        return history
    trainer = _Trainer(config, training, history, after_epoch)
    shape = network.input_shape[1:]
    try:
        network.fit(
            training.as_dataset(shape),
            epochs=config.epochs,
            initial_epoch=len(history.epochs),
            validation_data=validation.as_dataset(shape),
            callbacks=[trainer, *callbacks],
            shuffle=False,
            verbose=0,
        )
    finally:
        trainer.close()
    return trainer.history


def predict(network: keras.Model, batches: Batches) -> NDArray[np.float32]:
    """Return probabilities float32 [n, classes] for the rows of `batches`, in their order."""
    probabilities: NDArray[np.float32] = network.predict(
        batches.as_dataset(network.input_shape[1:]).map(lambda values, _target, _weight: values), verbose=0
    )
    return probabilities


class _Trainer(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Steer one training. On standard error: one bar on a terminal, a line an epoch in a log."""

    def __init__(
        self, config: FitConfig, batches: Batches, history: History, after_epoch: Callable[[History], None]
    ) -> None:
        super().__init__()
        self.history = history
        self._config = config
        self._batches = batches
        self._after_epoch = after_epoch
        self._epoch = len(history.epochs)
        self._rate = math.nan
        done = self._epoch * len(batches)
        self._bar = tqdm(total=config.epochs * len(batches), initial=done, unit="step", disable=None)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 # Keras's signature
        self._epoch = self._batches.epoch = epoch
        self._bar.set_description(f"epoch {epoch + 1}/{self._config.epochs}", refresh=False)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        steps, losses = len(self._batches), self.history.series("validation_loss")
        rate = self._config.schedule.at(Progress(self._epoch * steps + batch, steps, self._config.epochs, losses))
        if rate != self._rate:
            self.model.optimizer.learning_rate = self._rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.update()
        if not math.isfinite(logs["loss"]):
            raise DivergenceError(
                f"the loss became {logs['loss']} in epoch {self._epoch + 1}, step {batch + 1}; "
                "lower the learning rate or look for damaged labels"
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["val_loss"]):
            # No later epoch would count as better, and a history that holds it could not be written as JSON.
            raise DivergenceError(
                f"the validation loss became {logs['val_loss']} in epoch {epoch + 1}; lower the learning rate or look "
                "for damaged pictures"
            )
        figures = (logs["loss"], logs["accuracy"], logs["val_loss"], logs["val_accuracy"], self._rate)
        self.history = History((*self.history.epochs, Epoch(*map(float, figures))))
        message = f"loss {logs['loss']:.4f}, validation accuracy {logs['val_accuracy']:.2%}"
        self._bar.set_postfix_str(message)
        if self._bar.disable:
            print(f"epoch {epoch + 1}/{self._config.epochs}: {message}", file=sys.stderr, flush=True)
        # A compiled ReLU makes 0 of what is no number, so that a finite loss may hide it.
        if not all(np.isfinite(keras.ops.convert_to_numpy(weights)).all() for weights in self.model.trainable_weights):
            raise DivergenceError(f"weights are no longer numbers after epoch {epoch + 1}; lower the learning rate")
        self._after_epoch(self.history)
        patience = self._config.early_stopping_epochs
        if patience and self.history.has_stalled(patience):
            self.model.stop_training = True

    def close(self) -> None:
        self._bar.close()
