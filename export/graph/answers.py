"""What a network says of prepared pictures, a batch at a time."""

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.artifact import OUTPUT_NAME, SEAM_NAME
from edge.runtime import create_session

BATCH = 32


def answers(network: onnx.ModelProto, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities [N, classes] that `network` gives `images`, float32 [N, h, w, c], not none.

    Raises ModelError if onnxruntime refuses the network.
    """
    session = create_session(network.SerializeToString(), "network")
    batches = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
    return np.concatenate([session.run([OUTPUT_NAME], {SEAM_NAME: batch})[0] for batch in batches])
