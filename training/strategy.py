"""Spread a training over several GPUs of one machine, or over several machines, with `tf.distribute`."""

import signal
from dataclasses import dataclass
from functools import cache
from typing import Literal

import tensorflow as tf

from edge.errors import UsageError
from training.cluster import Cluster
from training.train_arguments import WORKER_TIMEOUT_S

StrategyName = Literal["none", "mirrored", "multiworker"]


@dataclass(frozen=True)
class Spread:
    """Over what a training is spread; `cluster` is given where, and only where, it is over several machines.

    `timeout_s` is how long the workers of a cluster wait for each other.
    """

    strategy: StrategyName = "none"
    cluster: Cluster | None = None
    timeout_s: float = WORKER_TIMEOUT_S

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.cluster is None or self.cluster.is_chief


IN_ONE_PIECE = Spread()


def require_spreadable(spread: Spread, precision: str) -> None:
    """Raise UsageError where TensorFlow and Keras cannot do what is asked for.

    Keras's loss scaling steps over an update in which a gradient is not finite. On several workers each decides that
    for itself, and the sums over all stand inside: those that step over one wait for ever for those that do not. On
    several devices the first decides for all, before the gradients are summed, and the others' overflow is applied.
    """
    if spread.strategy != "none" and precision == "mixed_float16":
        raise UsageError(
            "mixed_float16 scales the loss, which several devices or workers cannot do together; say mixed_bfloat16"
        )


@dataclass(frozen=True)
class Replicas:
    """The copies of a network that are trained together; those of this process are numbered from `first` on."""

    strategy: tf.distribute.Strategy
    first: int = 0

    @property
    def total(self) -> int:
        """How many there are on all machines."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def count(self) -> int:
        """How many this process has; TensorFlow takes it to be the same on every machine."""
        return len(self.strategy.extended.worker_devices)


def make_replicas(spread: Spread) -> Replicas | None:
    """Return where the copies of a network go, or None for a training in one piece.

    Over several machines this returns once all of them are connected, and must come before any other operation
    of TensorFlow.
    """
    if spread.strategy == "mirrored":
        return Replicas(_mirrored())
    if spread.cluster:
        options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=spread.timeout_s)
        before = signal.getsignal(signal.SIGTERM)
        strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        # TensorFlow takes the signal for itself, and then nothing but a kill would end this process.
        signal.signal(signal.SIGTERM, before)
        return Replicas(strategy, first=spread.cluster.index * len(strategy.extended.worker_devices))
    return None


@cache
def _mirrored() -> tf.distribute.Strategy:
    """Return the one strategy of this process: another one would number its sums as the first did, and clash."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])
