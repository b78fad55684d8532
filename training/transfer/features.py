"""Features of pictures: the output of a backbone, kept in the cache picture by picture, or the pixels themselves."""

import hashlib
import tempfile
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.spec import canonical_json
from training.backbones import weights_digest
from training.data.prepare import Pictures
from training.epochs.batches import predict

# Raise it when the same backbone computes something else.
CACHE_FORMAT = 2


def extract_features(network: keras.Model, pictures: Pictures, *, mirrored: bool = False) -> NDArray[np.float32]:
    """Return what `network` makes of all pictures, or of their mirror images: float32 [N, d]; with a bar on a terminal.

    What the cache has is not computed again, and what is computed is kept there at once, so that an interrupted
    extraction goes on where it was.
    """
    store = pictures.store
    steps = canonical_json(pictures.preprocessor.steps)
    described = f"{CACHE_FORMAT} features {steps} {weights_digest(network)} {mirrored}".encode()
    keys = [hashlib.sha256(content + described).digest() for content in pictures.hashes]
    result = _allocate((len(keys), int(network.output_shape[-1])), store.folder)
    missing = []
    for row, data in enumerate(store.read(keys)):
        if data is None:
            missing.append(row)
        else:
            result[row] = np.frombuffer(data, np.float32)
    store.touch(keys)
    with tqdm(total=len(keys), initial=len(keys) - len(missing), unit="image", desc="features", disable=None) as bar:
        rows = iter(missing)
        for found in predict(network, pictures, np.array(missing, np.int64), mirrored=mirrored):
            batch = [next(rows) for _ in found]
            result[batch] = found
            store.write([(keys[row], features.tobytes(), "") for row, features in zip(batch, found, strict=True)])
            bar.update(len(batch))
    return result


def pixel_features(pictures: Pictures) -> NDArray[np.float32]:
    """Return what the network gets for each picture as one row: float32 [N, h * w * c]."""
    result = _allocate((len(pictures), int(np.prod(pictures.preprocessor.shape))), pictures.store.folder)
    for row in range(len(pictures)):
        result[row] = pictures.preprocessor.values(pictures.read([row])).ravel()
    return result


def _allocate(shape: tuple[int, int], folder: Path) -> NDArray[np.float32]:
    """Return an array that is mapped from a file without a name, and need not fit in memory."""
    with tempfile.TemporaryFile(dir=folder) as file:  # the mapping keeps it, and the system removes it at the end
        return np.memmap(file, np.float32, "w+", shape=shape)
