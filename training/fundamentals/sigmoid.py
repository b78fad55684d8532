"""The sigmoid unit: a weighted sum, squeezed into 0 to 1, and the loss it is trained with."""

import numpy as np
from numpy.typing import NDArray

from training.fundamentals.weights import Weights


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-`x`)), in a form that cannot overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def logistic_loss(weights: Weights, inputs: NDArray[np.float64], targets: NDArray[np.int64]) -> tuple[float, Weights]:
    """Return the mean cross-entropy of a sigmoid unit, and its gradient: an objective for `descend`.

    `weights` holds one array [features], `inputs` are [N, features] and `targets` [N] are 0 or 1. The logarithm
    is taken of the scores, never of a probability that may have become 0.
    """
    scores = inputs @ weights[0]
    loss = (np.logaddexp(0, scores) - targets * scores).mean()
    return float(loss), (inputs.T @ (sigmoid(scores) - targets) / len(targets),)
