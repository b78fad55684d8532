"""Features of pictures: what a backbone makes of them, or their pixels, kept in the cache picture by picture."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.spec import canonical_json
from edge.steps import Step
from training.data.prepare import Pictures
from training.data.store import Store

# Raise it when the same backbone comes to compute something else.
CACHE_FORMAT = 1
BATCH = 32
# What is kept in memory; larger arrays are mapped from a file that has no name, and read as they are needed.
IN_MEMORY_BYTES = 256 << 20


@dataclass(frozen=True)
class Extractor:
    """A network without its head: float32 [n, h, w, c] behind the value steps to features float32 [n, d].

    `digest` says which weights it has, `steps` how its pictures are preprocessed.
    """

    network: keras.Model
    digest: str
    steps: tuple[Step, ...]

    @property
    def size(self) -> int:
        """The number of features."""
        return int(self.network.output_shape[-1])


def extract_features(
    extractor: Extractor, pictures: Pictures, store: Store, folder: Path, *, mirrored: bool = False
) -> NDArray[np.float32]:
    """Return features float32 [N, d] of all pictures, or of their mirror images, with a bar on a terminal.

    What the cache holds is not computed again; what is computed is in it from then on, so that an interrupted
    extraction goes on where it was. A file for what does not fit in memory is made in `folder`.
    """
    described = f"{CACHE_FORMAT} features {canonical_json(extractor.steps)} {extractor.digest} {mirrored}"
    keys = [hashlib.sha256(content + described.encode()).digest() for content in pictures.hashes]
    known = store.known(keys)
    result = _allocate((len(keys), extractor.size), folder)
    missing = [row for row, key in enumerate(keys) if key not in known]
    done = [row for row, key in enumerate(keys) if key in known]
    for row, data in zip(done, store.read([keys[row] for row in done]), strict=True):
        if data is None or len(data) != 4 * extractor.size:
            missing.append(row)  # another process needed its room
        else:
            result[row] = np.frombuffer(data, np.float32)
    with tqdm(total=len(keys), initial=len(keys) - len(missing), unit="image", desc="features", disable=None) as bar:
        for start in range(0, len(missing), BATCH):
            rows = missing[start : start + BATCH]
            result[rows] = compute_features(extractor, pictures, rows, mirrored)
            for row in rows:
                store.add(keys[row], result[row].tobytes())
            bar.update(len(rows))
    store.flush()
    return result


def compute_features(
    extractor: Extractor, pictures: Pictures, rows: Sequence[int], mirrored: bool = False
) -> NDArray[np.float32]:
    """Return features float32 [n, d] of some pictures, computed now; at most `BATCH` of them."""
    pixels = pictures.read(rows)
    if mirrored:
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    values = pictures.values(pixels)
    if len(rows) < BATCH:  # one shape for every batch, for which TensorFlow compiles once
        values = np.concatenate([values, np.zeros((BATCH - len(rows), *values.shape[1:]), np.float32)])
    features: NDArray[np.float32] = extractor.network.predict_on_batch(values)[: len(rows)]
    return features


def pixel_features(pictures: Pictures, folder: Path) -> NDArray[np.float32]:
    """Return what the network gets for each picture as one row: float32 [N, h * w * c]."""
    result = _allocate((len(pictures), int(np.prod(pictures.shape))), folder)
    for start in range(0, len(pictures), BATCH):
        rows = range(start, min(start + BATCH, len(pictures)))
        result[rows.start : rows.stop] = pictures.values(pictures.read(rows)).reshape(len(rows), -1)
    return result


def _allocate(shape: tuple[int, int], folder: Path) -> NDArray[np.float32]:
    if 4 * shape[0] * shape[1] <= IN_MEMORY_BYTES:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(dir=folder) as file:  # the mapping keeps it, and the system removes it at the end
        return np.memmap(file, np.float32, "w+", shape=shape)
