"""Make probabilities mean what they say, and say how far they are from it.

One number, the temperature, by which the logits are divided in front of the softmax, corrects most of a network's
over-confidence and changes no answer (C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural
Networks, 2017). It is built into the network, so that every client gets it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from edge.errors import UsageError
from export.evaluation import SMALLEST
from export.evaluation import find_threshold as lowest_threshold

# The number of bins in the paper's experiments (its table 1).
BINS = 15


def apply_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return `probabilities` [N, classes] as the network gives them once its logits are divided by `temperature`."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    scaled: NDArray[np.float32] = np.exp(log_softmax(logits / temperature, axis=1)).astype(np.float32)
    return scaled


def require_softmax(network: keras.Model) -> None:
    """Raise UsageError, before anything is trained, unless `network` ends in a softmax."""
    last = network.layers[-1]
    is_softmax = isinstance(last, keras.layers.Softmax) or (
        isinstance(last, keras.layers.Activation | keras.layers.Dense) and last.activation is keras.activations.softmax
    )
    if not is_softmax:
        raise UsageError(f"the network must end in a softmax over the classes. Received: the layer {last.name}")


def with_temperature(network: keras.Model, temperature: float) -> keras.Model:
    """Return `network`, which ends in a softmax, with its logits divided by `temperature`. Raises UsageError."""
    require_softmax(network)
    last = network.layers[-1]
    if isinstance(last, keras.layers.Dense):
        last.set_weights([weight / temperature for weight in last.get_weights()])
        return network
    scaled = keras.layers.Rescaling(1 / temperature, name="temperature")(last.input)
    return keras.Model(network.inputs[0], keras.layers.Softmax(dtype="float32")(scaled), name=network.name)


@dataclass(frozen=True)
class Bin:
    """The images whose confidence is above `low` and at most `high`.

    `confidence` and `accuracy` are their means, from 0 to 1, and None where there are no images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Confidence less accuracy; positive where the network is too sure of itself, 0 without images."""
        return 0.0 if self.confidence is None or self.accuracy is None else self.confidence - self.accuracy


def reliability_bins(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return bins of equal width for the top-1 `confidences` [N], 0 to 1, of which `correct` [N] were right."""
    edges = np.linspace(0, 1, BINS + 1)
    places = np.digitize(confidences, edges[1:-1], right=True)
    bins = []
    for i, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        inside = places == i
        count = int(inside.sum())
        means = (float(confidences[inside].mean()), float(correct[inside].mean())) if count else (None, None)
        bins.append(Bin(low, high, count, *means))
    return tuple(bins)


def expected_calibration_error(bins: Iterable[Bin]) -> float:
    """Return the mean distance of confidence and accuracy over all images, 0 to 1 (equation 3 of the paper)."""
    counted = list(bins)
    return sum(b.images * abs(b.gap) for b in counted) / sum(b.images for b in counted)


@dataclass(frozen=True)
class Threshold:
    """A reject threshold, with what it was found to do: accuracy of the answers given, and the share that is given."""

    below: float
    accuracy: float
    answered: float


def find_threshold(probabilities: NDArray[np.float32], targets: NDArray[np.int64], wanted_accuracy: float) -> Threshold:
    """Return the lowest threshold at which the answers given are right in `wanted_accuracy` of all cases.

    Raises UsageError if no threshold reaches it.
    """
    below = lowest_threshold(probabilities, targets, wanted_accuracy)
    given = probabilities.max(axis=1).astype(np.float64) >= below
    right = (probabilities.argmax(axis=1) == targets)[given]
    return Threshold(below, float(right.mean()), float(given.mean()))
