"""The temperature: one number that divides the logits in front of the softmax, so that probabilities are honest.

It corrects most of a network's over-confidence and changes no answer (C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On
Calibration of Modern Neural Networks, 2017). It is built into the network, so that every client gets it.
"""

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from edge.errors import UsageError
from export.evaluation import SMALLEST


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
