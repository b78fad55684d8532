"""The training loop over several devices or machines.

Keras's own `fit` does not know several workers (Keras 3.15 fails on their batches), and over several devices
of one machine it takes the mean of the replicas' means, which is another loss where a batch does not divide
evenly. This loop sums instead, so that what comes out is what one process would have given: same batches, same
order, same loss, up to the rounding of sums that are added in another order. The layers of a replica see only
its part of a batch: batch normalisation measures that part, and dropout and augmentation draw for it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge.errors import WorkerLostError
from training.batches import Batches
from training.shares import Shares
from training.strategy import Replicas

# Between the seeds of two replicas' generators of random numbers.
SEED_STRIDE = 1_000_003
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.CancelledError)
Step = Callable[[Any], tf.Tensor]
Epoch = Callable[[keras.callbacks.CallbackList], dict[str, float]]


def fit_spread(
    replicas: Replicas,
    trainee: keras.Model,
    training: Batches,
    held_out: Batches,
    epochs: Iterable[int],
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train `trainee`, built and compiled in the scope of the strategy, and tell `callbacks` as Keras does.

    All workers are told the same. Raises WorkerLostError if another worker stops.
    """
    listeners = keras.callbacks.CallbackList(list(callbacks), model=trainee)
    with replicas.strategy.scope():
        trainee.optimizer.build(trainee.trainable_variables)
    pass_once = _compile_epoch(replicas, trainee, training, held_out)
    trainee.stop_training = False
    with _naming_lost_workers():
        part_generators(replicas.strategy, trainee)
        listeners.on_train_begin()
        for epoch in epochs:
            listeners.on_epoch_begin(epoch)
            listeners.on_epoch_end(epoch, pass_once(listeners))
            if trainee.stop_training:
                break
        listeners.on_train_end()


def _compile_epoch(replicas: Replicas, trainee: keras.Model, training: Batches, held_out: Batches) -> Epoch:
    """Return what learns from all training batches once, judges all held-out ones, and gives the means of both."""
    total, first, count = replicas.total, replicas.first, replicas.count
    pictures, rows = (Shares(batches, total, first, count).as_dataset() for batches in (training, held_out))
    learn = _compile(replicas, _learn_step(trainee), pictures)
    judge = _compile(replicas, lambda share: _figures(trainee, share, False)[1], rows)
    average = _compile_averaging(replicas.strategy, trainee)

    def pass_once(listeners: keras.callbacks.CallbackList) -> dict[str, float]:
        logs = _pass(learn, pictures, listeners)
        average()
        return logs | {f"val_{name}": value for name, value in _pass(judge, rows, None).items()}

    return pass_once


@contextmanager
def _naming_lost_workers() -> Iterator[None]:
    """Make what TensorFlow says of a worker that is gone a WorkerLostError."""
    try:
        yield
    except LOST as error:
        raise _lost(error) from None
    except tf.errors.OpError as error:
        if "Collective ops is aborted" not in error.message:
            raise
        raise _lost(error) from None


def _lost(error: tf.errors.OpError) -> WorkerLostError:
    said = error.message.rpartition("aborted by: ")[2].strip().splitlines()
    return WorkerLostError(
        f"another worker stopped or is out of reach ({said[0].rstrip(':') if said else type(error).__name__}); "
        "see what it said, then start all again with --resume"
    )


@dataclass
class _Sums:
    """What the steps of a pass add up to: loss times pictures, right answers, pictures."""

    figures: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def add(self, step: NDArray[np.float32]) -> dict[str, float]:
        """Add [mean loss, right answers, pictures] of one step and return the means of all so far."""
        loss, right, count = step.astype(np.float64)
        self.figures += (loss * count, right, count)
        return {"loss": self.figures[0] / self.figures[2], "accuracy": self.figures[1] / self.figures[2]}


def _pass(step: Step, data: tf.data.Dataset, listeners: keras.callbacks.CallbackList | None) -> dict[str, float]:
    sums, logs = _Sums(), {}
    for i, shares in enumerate(data):
        if listeners:
            listeners.on_train_batch_begin(i)
        logs = sums.add(step(shares).numpy())
        if listeners:
            listeners.on_train_batch_end(i, logs)
    return logs


def _compile(replicas: Replicas, on_share: Callable[[Any], tf.Tensor], data: tf.data.Dataset) -> Step:
    """Return one graph that does `on_share` on every replica with its share, and sums what comes out.

    The signature is fixed: a worker that traced anew for a batch of another length would number its sums in
    another order than the others.
    """

    def on_replica(shares: Any) -> tf.Tensor:
        # A constant of the graph, which every replica has its own part of.
        replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        return on_share(shares[int(replica) - replicas.first])

    def everywhere(shares: Any) -> tf.Tensor:
        results = replicas.strategy.run(on_replica, (shares,))
        return replicas.strategy.reduce(tf.distribute.ReduceOp.SUM, results, axis=None)

    return tf.function(everywhere, input_signature=[data.element_spec], autograph=False)  # type: ignore[no-any-return]


def _learn_step(trainee: keras.Model) -> Callable[[Any], tf.Tensor]:
    def learn(share: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, figures = _figures(trainee, share, True)
            scaled = trainee.optimizer.scale_loss(loss)
        # The optimiser sums the gradients over all replicas.
        weights = trainee.trainable_variables
        trainee.optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
        return figures

    return learn


def _figures(trainee: keras.Model, share: Sequence[tf.Tensor], learning: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Return one replica's part of the loss, and of loss, right answers and pictures in one tensor."""
    pictures, targets, weights, counted = share
    probabilities = trainee(pictures, training=learning)
    each = keras.losses.SparseCategoricalCrossentropy(reduction="none")(targets, probabilities)
    loss = tf.reduce_sum(each * weights)
    if trainee.losses:  # of regularisers, the same on every replica
        loss += tf.add_n(trainee.losses) / tf.distribute.get_strategy().num_replicas_in_sync
    is_right = tf.cast(tf.equal(tf.argmax(probabilities, axis=1), targets), tf.float32)
    return loss, tf.stack([loss, tf.reduce_sum(is_right * counted), tf.reduce_sum(counted)])


def part_generators(strategy: tf.distribute.Strategy, trainee: keras.Model) -> None:
    """Give the generators of each replica but the first a seed of their own, or all would drop the same units.

    The first keeps its own, which is the one that is written; so a training that is resumed parts them alike.
    """
    states = [v for v in trainee.non_trainable_variables if v.path.endswith("seed_generator_state")]

    def part() -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for state in states:
            state.assign(state + tf.cast([replica * SEED_STRIDE, 0], state.dtype))

    if states:
        strategy.run(tf.function(part, autograph=False))


def _compile_averaging(strategy: tf.distribute.Strategy, trainee: keras.Model) -> Callable[[], None]:
    """Return what gives all replicas the mean of what each of them measured, as batch normalisation does."""
    measured = [v for v in trainee.non_trainable_variables if v.dtype.startswith("float")]

    def on_replica() -> None:
        values = [tf.identity(variable.value) for variable in measured]
        means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)
        for variable, mean in zip(measured, means, strict=True):
            variable.assign(mean)

    average = tf.function(lambda: strategy.run(on_replica), autograph=False)
    return average if measured else lambda: None
