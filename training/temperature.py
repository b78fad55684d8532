"""Make probabilities mean what they say.

A network that is right on 95 of 100 pictures often claims 99. One number, the temperature, by which the logits
are divided in front of the softmax, mends most of that and changes no answer (C. Guo et al., On Calibration of
Modern Neural Networks, 2017). It is built into the network, so that every client gets it.
"""

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from edge.errors import UsageError

# A network that knows nothing would drive the fit without end, and one of too few pictures to either side.
COOLEST, HOTTEST = 0.05, 20.0
# Of a probability that was rounded to 0 the logarithm is taken here.
SMALLEST = 1e-12


def fit_temperature(probabilities: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the temperature that makes `targets` [N] likeliest, given `probabilities` [N, classes] at 1.

    Each target is taken for right in N + 1 of N + 2 cases (J. Platt, Probabilistic Outputs for Support Vector
    Machines, 1999): a network without a mistake on N pictures is good, and not sure of everything for ever. Without
    that its logits would be multiplied without end, and with them the rounding by which two runtimes differ.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    doubt = 1 / (len(targets) + 2)
    shares = np.full(logits.shape, doubt / (logits.shape[1] - 1))
    shares[np.arange(len(targets)), targets] = 1 - doubt

    def cost(log_temperature: float) -> float:
        return float(-(shares * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    found = minimize_scalar(cost, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def with_temperature(network: keras.Model, temperature: float) -> keras.Model:
    """Return `network` with its logits divided by `temperature`. Raises UsageError if it does not end in a softmax."""
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Activation) or last.activation is not keras.activations.softmax:
        raise UsageError(f"only a network that ends in a softmax can be calibrated. Received: {last.name}")
    logits = network.layers[-2].output
    cooled = keras.layers.Rescaling(1 / temperature, name="temperature")(logits)
    return keras.Model(network.inputs[0], keras.layers.Activation("softmax")(cooled), name=network.name)
