"""Run the geometry part of the preprocessing graph over a data set, once for each picture.

The result, uint8 pixels of one size, is kept in the cache for every network of that size.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from edge.errors import DatasetError, ImageError
from edge.fingerprint import measure
from edge.image import MAX_PIXELS, decode_image
from edge.model import INPUT_NAME
from edge.runtime import create_session, ordered_map, usable_cores
from edge.spec import canonical_json
from edge.steps import Step, require_preparable
from export.preprocess import PIXELS_NAME, build_geometry, build_values, network_shape, split_steps
from training.data.dataset import Dataset
from training.data.store import Store

# Raise it when the same steps compute something else, or something else is kept.
CACHE_FORMAT = 6
NAMED_BAD_IMAGES = 5
WRITTEN_AT_ONCE = 64
CAMERA_TAGS = (271, 272)  # EXIF: maker and model

R = TypeVar("R")


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a picture besides its pixels: `edge.fingerprint.measure`, width and height, its camera."""

    measures: tuple[float, float, float]
    size: tuple[int, int]
    camera: str


class Preprocessor:
    """The steps of a recipe as two ONNX graphs, the same that export merges with the network."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        self._geometry, values = split_steps(self.steps)
        geometry_graph = build_geometry(self._geometry)
        self.shape = network_shape(geometry_graph)
        value_graph = build_values(values, *self.shape)
        self._to_pixels = create_session(geometry_graph.SerializeToString(), "preprocessing", threads=1)
        self._to_values = create_session(value_graph.SerializeToString(), "preprocessing", threads=1)
        self._cache_name = f"{CACHE_FORMAT} picture {canonical_json(self._geometry)}".encode()

    def key(self, content: bytes) -> bytes:
        """Return the key in the cache of a picture with this SHA-256."""
        return hashlib.sha256(content + self._cache_name).digest()

    def decode(self, encoded: bytes) -> tuple[NDArray[np.uint8], Note]:
        """Return one picture after geometry, uint8 [h, w, c], and what is known of it. Raises ImageError."""
        pixels = decode_image(encoded).pixels
        height, width = pixels.shape[:2]
        require_preparable(self._geometry, height, width, MAX_PIXELS)
        prepared: NDArray[np.uint8] = self._to_pixels.run([PIXELS_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return prepared, Note(measure(pixels), (width, height), _camera(encoded))

    def values(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network gets for `pictures` [n, h, w, c]: float32."""
        result: NDArray[np.float32] = self._to_values.run(None, {PIXELS_NAME: pictures})[0]
        return result


@dataclass(frozen=True)
class Pictures:
    """The pictures of a data set after geometry, read from the cache as they are needed.

    `hashes` are the SHA-256 of their contents, `digest` is that of the data set with its unreadable images.
    """

    dataset: Dataset
    preprocessor: Preprocessor
    store: Store
    hashes: list[bytes]
    notes: list[Note]
    digest: str

    def __len__(self) -> int:
        return len(self.hashes)

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return pictures, uint8 [n, h, w, c]; one that has left the cache is decoded again.

        Raises DatasetError if that is no longer possible.
        """
        result = np.empty((len(rows), *self.preprocessor.shape), np.uint8)
        keys = [self.preprocessor.key(self.hashes[row]) for row in rows]
        for i, data in enumerate(self.store.read(keys)):
            if data is not None:
                result[i] = np.frombuffer(data, np.uint8).reshape(result.shape[1:])
                continue
            row = int(rows[i])
            try:
                result[i], _ = self.preprocessor.decode(self.dataset.read(row))
            except ImageError as error:
                raise DatasetError(f"{self.dataset.names[row]}: it can no longer be read: {error}") from None
        return result


def prepare(
    dataset: Dataset, steps: Sequence[Step], store: Store, skip_bad: bool = False, jobs: int | None = None
) -> Pictures:
    """Prepare all images of `dataset` with `jobs` threads (None: one for each core) and a bar on a terminal.

    Images that cannot be read are named on standard error and left out. Raises DatasetError if there are any and
    `skip_bad` is not set.
    """
    preprocessor, names = Preprocessor(steps), dataset.names

    def work(row: int) -> tuple[bytes, Note | str, bytes | None]:
        """Return the hash of a content, its note or the code of an error, and pixels if they were not in the cache."""
        content = hashlib.sha256(names[row].encode("utf-8", "surrogateescape")).digest()
        try:
            encoded = dataset.read(row)
            content = hashlib.sha256(encoded).digest()
            if known := store.note(preprocessor.key(content)):
                return content, msgspec.json.decode(known, type=Note), None
            pixels, note = preprocessor.decode(encoded)
        except ImageError as error:
            return content, error.code, None
        return content, note, pixels.tobytes()

    hashes: list[bytes] = []
    notes: list[Note | str] = []
    fresh: list[tuple[bytes, bytes, str]] = []
    for content, note, data in for_each_image(work, dataset, "preparing", jobs):
        hashes.append(content)
        notes.append(note)
        if data is not None:
            fresh.append((preprocessor.key(content), data, msgspec.json.encode(note).decode()))
        if len(fresh) == WRITTEN_AT_ONCE or len(hashes) == len(names):
            store.write(fresh)
            fresh.clear()
    store.touch([preprocessor.key(content) for content in hashes])
    rows, known = leave_out_unreadable(dataset, notes, skip_bad)
    good = [hashes[row] for row in rows]
    return Pictures(dataset.select(rows), preprocessor, store, good, known, dataset.digest(hashes))


def for_each_image(
    work: Callable[[int], R], dataset: Dataset, description: str, jobs: int | None = None
) -> Iterator[R]:
    """Yield `work(row)` in order, computed by `jobs` threads (None: one for each core), with a bar on a terminal."""
    rows = range(len(dataset.names))
    found = (result for result in ordered_map(work, rows, jobs or usable_cores()) if result is not None)
    yield from tqdm(found, total=len(rows), unit="image", desc=description, disable=None)


def leave_out_unreadable(
    dataset: Dataset, results: Sequence[R | str], skip_bad: bool
) -> tuple[NDArray[np.int64], list[R]]:
    """Return the rows of the images that could be read, and their results; that of another is the code of an error.

    The others are named on standard error. Raises DatasetError if there are any and `skip_bad` is not set.
    """
    good = {row: result for row, result in enumerate(results) if not isinstance(result, str)}
    if bad := [row for row in range(len(results)) if row not in good]:
        named = ", ".join(f"{dataset.names[row]} ({results[row]})" for row in bad[:NAMED_BAD_IMAGES])
        described = f"{dataset.name}: {len(bad):,} unreadable images, such as {named}"
        if not skip_bad:
            raise DatasetError(f"{described}; repair or remove them, or leave them out with --skip-bad")
        print(f"left out: {described}", file=sys.stderr)
    return np.array([*good], np.int64), [*good.values()]


def _camera(encoded: bytes) -> str:
    """Return maker and model of the camera as EXIF has them, or nothing."""
    try:
        with Image.open(BytesIO(encoded)) as image:
            exif = image.getexif()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""  # it was decoded, so only what describes it is damaged
    return " ".join(str(exif.get(tag, "")).strip("\0 ") for tag in CAMERA_TAGS).strip()
