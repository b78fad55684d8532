"""Gradient descent: follow the gradient of a loss downhill, over all samples or over shuffled mini-batches.

Command:   python -m training.fundamentals.descent --plot descent.png
Source:    Starter Bundle, chapter 9; here with the cross-entropy
Expected:  of two clouds of points, one half for training, the loss falls; about 100 % of the test points
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_blobs

from edge.arguments import DONE, Parser, as_command, positive
from edge.errors import DivergenceError, UsageError
from training.arguments import picture_path
from training.fundamentals.losses import Classes, Floats, cross_entropy, with_bias

Weights = tuple[Floats, ...]
# Weights, inputs [N, features] and targets [N] to the mean loss and its gradient by each of the weights.
Objective = Callable[[Weights, Floats, Classes], tuple[float, Weights]]


def descend(
    objective: Objective,
    weights: Weights,
    inputs: Floats,
    targets: Classes,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    momentum: float = 0.0,
    nesterov: bool = False,
    cosine: bool = False,
    seed: int = 42,
) -> Iterator[Weights]:
    """Yield the weights after every epoch; each epoch sees all samples once, in a new order.

    A batch of all samples is gradient descent, a smaller one stochastic (SGD). `momentum`, 0 to below 1, is the share
    of the last step that the next one keeps (B. Polyak, 1964); `nesterov` takes the gradient where that share leads
    (Y. Nesterov, 1983), as Keras does. With `cosine` the rate falls along half a cosine.

    Raises UsageError for a setting out of range, DivergenceError if the loss is not finite.
    """
    if not (0 < learning_rate < math.inf and 0 <= momentum < 1 and batch_size >= 1 and epochs >= 1):
        received = f"learning rate {learning_rate}, momentum {momentum}, batches of {batch_size}, {epochs} epochs"
        raise UsageError(f"the rate must be above 0, momentum 0 to below 1, batches and epochs 1. Received: {received}")
    generator = np.random.default_rng(seed)
    current, velocities = list(weights), [np.zeros_like(w) for w in weights]
    for epoch in range(epochs):
        rate = learning_rate * ((1 + math.cos(math.pi * epoch / epochs)) / 2 if cosine else 1)
        order = generator.permutation(len(inputs))
        for start in range(0, len(inputs), batch_size):
            batch = order[start : start + batch_size]
            with np.errstate(over="ignore", invalid="ignore"):  # it shows in the loss
                loss, gradients = objective(tuple(current), inputs[batch], targets[batch])
                for i, gradient in enumerate(gradients):
                    velocities[i] = momentum * velocities[i] - rate * gradient
                    step = momentum * velocities[i] - rate * gradient if nesterov else velocities[i]
                    current[i] = current[i] + step
            if not math.isfinite(loss):
                raise DivergenceError(f"the loss became {loss} in epoch {epoch + 1}; lower the learning rate")
        yield tuple(current)


def linear_loss(weights: Weights, inputs: Floats, targets: Classes) -> tuple[float, Weights]:
    """Return the loss of a linear classifier and its gradient; `weights` holds one array [features, classes]."""
    loss, error = cross_entropy(inputs @ weights[0], targets)
    return loss, (inputs.T @ error,)


def main(argv: Sequence[str] | None = None) -> int:
    """Train one linear classifier in four ways, print how the loss fell and how many test points are right."""
    parser = Parser("python -m training.fundamentals.descent", __doc__)
    parser.add_argument("--epochs", type=positive, default=100, metavar="N", help="(default 100)")
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N", help="of mini-batches (default 32)")
    parser.add_argument("--learning-rate", type=float, default=0.01, metavar="R", help="(default 0.01)")
    parser.add_argument("--plot", type=picture_path, metavar="FILE", help="draw the loss curves into this .png or .svg")
    return as_command(lambda: _compare(**vars(parser.parse(sys.argv[1:] if argv is None else argv))))


def _compare(plot: Path | None, **settings: Any) -> int:
    points, targets = make_blobs(1000, centers=2, cluster_std=1.5, random_state=1)  # shuffled
    (inputs, test), (targets, test_targets) = np.split(with_bias(points), 2), np.split(targets.astype(np.int64), 2)
    ways: dict[str, dict[str, Any]] = {
        "gradient descent": settings | {"batch_size": len(inputs)},
        "mini-batches": settings,
        "mini-batches, momentum": settings | {"momentum": 0.9},
        "mini-batches, Nesterov": settings | {"momentum": 0.9, "nesterov": True},
    }
    epochs = settings["epochs"]
    shown = [epoch for epoch in (1, 10, 100, 1000) if epoch < epochs] + [epochs]
    print(f"{'loss after epoch':<26}{''.join(f'{epoch:>9}' for epoch in shown)}       test")
    figure = Figure(figsize=(7, 5), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.set(title="Two clouds, one linear classifier", xlabel="epoch", ylabel="training loss", yscale="log")
    for name, way in ways.items():
        found = list(descend(linear_loss, (np.zeros((3, 2)),), inputs, targets, **way))
        losses = [linear_loss(weights, inputs, targets)[0] for weights in found]
        accuracy = ((test @ found[-1][0]).argmax(axis=1) == test_targets).mean()
        print(f"{name:<26}{''.join(f'{losses[epoch - 1]:>9.4f}' for epoch in shown)}   {accuracy:8.2%}")
        axes.plot(range(1, epochs + 1), losses, label=name)
    if plot:
        axes.legend()
        plot.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(plot)
        print(f"loss curves: {plot}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
