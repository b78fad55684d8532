"""Gradient descent: follow the gradient of a loss downhill, over all samples or over shuffled mini-batches.

Command:   python -m training.fundamentals.descent --plot descent.png
Data:      two clouds of points in the plane, drawn with a seed; one half trains, the other is held out
Source:    Deep Learning for Computer Vision with Python, Starter Bundle, chapter 9; with the cross-entropy in
           place of the squared error, whose gradient fades where a sigmoid is surely wrong
Expected:  the loss falls, about 100 % of the held-out points
Time here: 3 seconds
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray
from sklearn.datasets import make_blobs

from edge.arguments import picture_path, positive, seed_number
from edge.cli import DONE
from edge.errors import DivergenceError, UsageError
from training.fundamentals.bias import with_bias
from training.fundamentals.command import command_parser, run_command
from training.fundamentals.sigmoid import logistic_loss
from training.fundamentals.weights import Objective, Weights
from training.plots import DPI, save_figure


@dataclass(frozen=True)
class Descent:
    """How to go downhill. A batch of all samples is gradient descent; a smaller one is stochastic (SGD).

    `momentum`, 0 to below 1, is the share of the last step that the next one keeps (B. Polyak, 1964); `nesterov`
    takes the gradient where that share leads to (Y. Nesterov, 1983). With `cosine` the learning rate falls from
    epoch to epoch along half a cosine (I. Loshchilov, F. Hutter, SGDR, ICLR, 2017), so that the end is calm.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    momentum: float = 0.0
    nesterov: bool = False
    cosine: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate must be above 0 and finite. Received: {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise UsageError(f"momentum must be 0 to below 1. Received: {self.momentum}")
        if self.batch_size < 1 or self.epochs < 1:
            raise UsageError(f"batch_size and epochs must be at least 1. Received: {self.batch_size}, {self.epochs}")

    def in_epoch(self, epoch: int) -> Self:
        """Return the descent with the learning rate of `epoch`, which counts from 0."""
        share = (1 + math.cos(math.pi * epoch / self.epochs)) / 2 if self.cosine else 1.0
        return replace(self, learning_rate=self.learning_rate * share)

    def step(
        self, weights: NDArray[np.float64], velocity: NDArray[np.float64], gradient: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the next weights and velocity; all arrays have one shape.

        With `nesterov` the weights are those at which the next gradient is wanted, as in Keras: where the
        original has w and velocity v, this has w + momentum * v, and needs no second set of weights.
        """
        velocity = self.momentum * velocity - self.learning_rate * gradient
        if self.nesterov:
            return weights + self.momentum * velocity - self.learning_rate * gradient, velocity
        return weights + velocity, velocity


def descend(
    descent: Descent,
    objective: Objective,
    weights: Weights,
    inputs: NDArray[np.float64],
    targets: NDArray[np.int64],
) -> Iterator[Weights]:
    """Yield the weights after every epoch; each epoch sees all samples once, in an order of its own.

    Raises DivergenceError, naming epoch and step, if the loss is not finite.
    """
    generator = np.random.default_rng(descent.seed)
    velocities = tuple(np.zeros_like(w) for w in weights)
    for epoch in range(descent.epochs):
        current = descent.in_epoch(epoch)
        for step, batch in enumerate(shuffled_batches(len(inputs), descent.batch_size, generator)):
            with np.errstate(over="ignore", invalid="ignore"):  # it shows in the next loss, with the place named
                loss, gradients = objective(weights, inputs[batch], targets[batch])
                stepped = [current.step(*state) for state in zip(weights, velocities, gradients, strict=True)]
            if not math.isfinite(loss):
                raise DivergenceError(
                    f"the loss became {loss} in epoch {epoch + 1}, step {step + 1}; lower the learning rate"
                )
            weights, velocities = zip(*stepped, strict=True)
        yield weights


def shuffled_batches(count: int, batch_size: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the indices 0 to `count` - 1, each once, shuffled, `batch_size` at a time; the last may be fewer."""
    order = generator.permutation(count)
    for start in range(0, count, batch_size):
        yield order[start : start + batch_size]


SAMPLES = 1000
SPREAD = 1.5
CLOUDS_SEED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Train one sigmoid unit in four ways, print how the loss fell and how many held-out points are right."""
    parser = command_parser("descent", __doc__)
    parser.add_argument("--epochs", type=positive, default=100, metavar="N", help="(default 100)")
    parser.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="for all but the first (default 32)"
    )
    parser.add_argument("--learning-rate", type=float, default=0.01, metavar="R", help="(default 0.01)")
    parser.add_argument("--momentum", type=float, default=0.9, metavar="M", help="for the last two (default 0.9)")
    parser.add_argument("--seed", type=seed_number, default=42, help="of the batches (default 42)")
    parser.add_argument("--plot", type=picture_path, metavar="FILE", help="draw the loss curves into this .png or .svg")
    return run_command(parser, argv, _compare)


def _compare(arguments: argparse.Namespace) -> int:
    inputs, targets = make_blobs(SAMPLES, centers=2, cluster_std=SPREAD, random_state=CLOUDS_SEED)
    inputs, targets = with_bias(inputs), targets.astype(np.int64)
    half = SAMPLES // 2  # make_blobs has shuffled them
    ways = _ways(arguments, half)
    curves = {}
    shown = [epoch for epoch in (1, 10, 100, 1000) if epoch < arguments.epochs] + [arguments.epochs]
    print(f"{'loss after epoch':<26}{''.join(f'{epoch:>9}' for epoch in shown)}   held out")
    for name, descent in ways.items():
        course = list(descend(descent, logistic_loss, (np.zeros(3),), inputs[:half], targets[:half]))
        losses = [logistic_loss(weights, inputs[:half], targets[:half])[0] for weights in course]
        right = ((inputs[half:] @ course[-1][0] > 0) == targets[half:]).mean()
        print(f"{name:<26}{''.join(f'{losses[epoch - 1]:>9.4f}' for epoch in shown)}   {right:8.2%}")
        curves[name] = losses
    if arguments.plot:
        _plot(curves, arguments.plot)
        print(f"loss curves: {arguments.plot}")
    return DONE


def _ways(arguments: argparse.Namespace, samples: int) -> dict[str, Descent]:
    plain = Descent(arguments.learning_rate, arguments.batch_size, arguments.epochs, seed=arguments.seed)
    momentum = replace(plain, momentum=arguments.momentum)
    return {
        "gradient descent": replace(plain, batch_size=samples),
        "mini-batches": plain,
        "mini-batches, momentum": momentum,
        "mini-batches, Nesterov": replace(momentum, nesterov=True),
    }


def _plot(curves: dict[str, list[float]], path: Path) -> None:
    figure = Figure(figsize=(7, 5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, label=name)
    axes.set(title="Two clouds, one sigmoid unit", xlabel="epoch", ylabel="training loss (cross-entropy)", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())
