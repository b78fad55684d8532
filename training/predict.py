"""Ask a trained network about prepared arrays."""

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import ModelError

# Rows that are read from the disk at once; a batch of the largest pictures that recipes use fits in memory.
BATCH = 64


def predict(network: keras.Model, arrays: NDArray[np.float32], labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Return probabilities [N, classes] for `arrays` [N, h, w, c], with a bar on a terminal.

    Raises ModelError if the network takes another shape, has not one output for each of `labels`, or gives
    numbers that are not finite.
    """
    taken, given = network.input_shape[1:], arrays.shape[1:]
    if taken != given:
        raise ModelError(f"the network takes {taken} (height, width, channels), preprocessing gives {given}")
    if network.output_shape[1:] != (len(labels),):
        raise ModelError(f"the network gives {network.output_shape[1:]} numbers for {len(labels)} labels")
    starts = tqdm(range(0, len(arrays), BATCH), unit="batch", desc="classifying", disable=None)
    probabilities = np.concatenate([network.predict_on_batch(arrays[start : start + BATCH]) for start in starts])
    if not np.isfinite(probabilities).all():
        raise ModelError("the network gives numbers that are not finite; its weights are damaged, train it anew")
    return probabilities
