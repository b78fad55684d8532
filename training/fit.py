"""Fit a network to batches: schedule, progress, a look at every loss, and something to do after every epoch."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from edge.errors import DivergenceError
from training.batches import Batches
from training.fit_spread import fit_spread
from training.history import Epoch, History
from training.schedules import Moment, Schedule
from training.strategy import Replicas


@dataclass(frozen=True)
class Course:
    """How a training runs: its schedule and epochs, and after how many without a new low it stops early.

    With `replicas` it is spread over them.
    """

    schedule: Schedule
    epochs: int
    early_stopping_epochs: int | None = None
    replicas: Replicas | None = None


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose the kernels that give the same sums twice."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    trainee: keras.Model,
    training: Batches,
    held_out: Batches,
    course: Course,
    history: History,
    after_epoch: Callable[[History], None],
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> History:
    """Train the compiled `trainee` in place, on from `history`, and return the history of all epochs.

    `after_epoch` is called with the history so far. Raises DivergenceError if the loss is not finite.
    """
    if history.epochs and course.early_stopping_epochs and history.has_stalled(course.early_stopping_epochs):
        return history
    trainer = _Trainer(course, training, history, after_epoch)
    start, listeners = len(history.epochs), [trainer, *callbacks]
    try:
        if course.replicas:
            fit_spread(course.replicas, trainee, training, held_out, range(start, course.epochs), listeners)
        else:
            trainee.fit(
                training.as_dataset(),
                epochs=course.epochs,
                initial_epoch=start,
                validation_data=held_out.as_dataset(),
                callbacks=listeners,
                shuffle=False,
                verbose=0,
            )
    finally:
        trainer.close()
    return trainer.history


class _Trainer(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Steer one training. On standard error: one bar on a terminal, a line an epoch in a log."""

    def __init__(
        self, course: Course, batches: Batches, history: History, after_epoch: Callable[[History], None]
    ) -> None:
        super().__init__()
        self.history = history
        self._course = course
        self._batches = batches
        self._after_epoch = after_epoch
        self._epoch = len(history.epochs)
        self._rate = math.nan
        done = self._epoch * len(batches)
        self._bar = tqdm(total=course.epochs * len(batches), initial=done, unit="step", disable=None)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 # Keras's signature
        self._epoch = self._batches.epoch = epoch
        self._bar.set_description(f"epoch {epoch + 1}/{self._course.epochs}", refresh=False)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        steps = len(self._batches)
        losses = self.history.series("held_out_loss")
        rate = self._course.schedule.at(Moment(self._epoch * steps + batch, steps, self._course.epochs, losses))
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
                f"the held-out loss became {logs['val_loss']} in epoch {epoch + 1}; lower the learning rate or look "
                "for damaged pictures"
            )
        figures = (logs["loss"], logs["accuracy"], logs["val_loss"], logs["val_accuracy"], self._rate)
        self.history = History((*self.history.epochs, Epoch(*map(float, figures))))
        said = f"loss {logs['loss']:.4f}, held-out accuracy {logs['val_accuracy']:.2%}"
        self._bar.set_postfix_str(said)
        if self._bar.disable:
            print(f"epoch {epoch + 1}/{self._course.epochs}: {said}", file=sys.stderr, flush=True)
        self._require_finite_weights(epoch)
        self._after_epoch(self.history)
        patience = self._course.early_stopping_epochs
        if patience and self.history.has_stalled(patience):
            self.model.stop_training = True

    def _require_finite_weights(self, epoch: int) -> None:
        """A compiled ReLU makes 0 of what is no number, so that a finite loss may hide it."""
        if not all(np.isfinite(keras.ops.convert_to_numpy(weights)).all() for weights in self.model.trainable_weights):
            raise DivergenceError(f"weights are no longer numbers after epoch {epoch + 1}; lower the learning rate")

    def close(self) -> None:
        self._bar.close()
