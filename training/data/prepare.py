"""Run the geometry part of the preprocessing graph over a data set, once for each picture.

What comes out, uint8 pixels of one size, is kept in the cache for every network of that size.
"""

import hashlib
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from edge.errors import DatasetError, ImageError
from edge.fingerprint import measure
from edge.image import MAX_PIXELS, decode_image
from edge.model import INPUT_NAME
from edge.runtime import create_session, usable_cores
from edge.spec import canonical_json
from edge.steps import Step, require_preparable
from export.preprocess import PIXELS_NAME, build_geometry, build_values, network_shape, split_steps
from training.data.dataset import Dataset
from training.data.store import Store

# Raise it when the same steps come to compute something else, or when something else is kept.
CACHE_FORMAT = 5
NAMED_BAD_IMAGES = 5
# Items that are read ahead for each thread: enough that a slow one at the front lets the others go on.
AHEAD_PER_THREAD = 8
CAMERA_TAGS = (271, 272)  # EXIF: maker and model

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Note:
    """What is known of a picture besides its pixels: measures (see `edge`), width and height as it came, its camera."""

    measures: tuple[float, float, float]
    size: tuple[int, int]
    camera: str


class Pictures:
    """The prepared pictures of a data set, uint8 [N, h, w, c], read from the cache as they are needed."""

    def __init__(self, dataset: Dataset, steps: Sequence[Step], store: Store, hashes: Sequence[bytes]) -> None:
        self.geometry, values = split_steps(tuple(steps))
        graph = build_geometry(self.geometry)
        self.shape = network_shape(graph)
        self.hashes = hashes
        self._session = create_session(graph.SerializeToString(), "preprocessing", threads=1)
        value_graph = build_values(values, *self.shape)
        self._values = create_session(value_graph.SerializeToString(), "preprocessing", threads=1)
        self._dataset, self._store = dataset, store
        described = f"{CACHE_FORMAT} picture {canonical_json(self.geometry)}".encode()
        self._keys = [hashlib.sha256(content + described).digest() for content in hashes]

    def __len__(self) -> int:
        return len(self._keys)

    def prepare(self, row: int) -> tuple[NDArray[np.uint8], Note]:
        """Return one picture and what is known of it, made anew. Raises ImageError for one that cannot be used."""
        encoded = self._dataset.read(row)
        pixels = decode_image(encoded).pixels
        height, width = pixels.shape[:2]
        require_preparable(self.geometry, height, width, MAX_PIXELS)
        prepared: NDArray[np.uint8] = self._session.run([PIXELS_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return prepared, Note((*measure(pixels),), (width, height), _camera(encoded))

    def fill(self, jobs: int | None, progress: Callable[[int], Any]) -> tuple[list[Note | None], dict[int, str]]:
        """Prepare what the cache lacks; return the note of each picture, and why others cannot be used, by row."""
        known = self._store.known(self._keys)
        notes: list[Note | None] = [_parse(known[key]) if key in known else None for key in self._keys]
        progress(len(notes) - notes.count(None))
        bad: dict[int, str] = {}
        missing = [row for row, note in enumerate(notes) if note is None]

        def work(row: int) -> tuple[NDArray[np.uint8], Note] | str:
            try:
                return self.prepare(row)
            except ImageError as error:
                return error.code

        for row, found in zip(missing, in_threads(work, missing, jobs), strict=True):
            if isinstance(found, str):
                bad[row] = found
            else:
                notes[row] = found[1]
                self._store.add(self._keys[row], found[0].tobytes(), _write(found[1]))
            progress(1)
        self._store.flush()
        return notes, bad

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return pictures, uint8 [n, h, w, c]; one that has left the cache is prepared anew.

        Raises DatasetError if that cannot be done any more.
        """
        result = np.empty((len(rows), *self.shape), np.uint8)
        for i, data in enumerate(self._store.read([self._keys[row] for row in rows])):
            if data is not None:
                result[i] = np.frombuffer(data, np.uint8).reshape(self.shape)
                continue
            try:
                result[i], note = self.prepare(int(rows[i]))
            except ImageError as error:
                name = self._dataset.names[int(rows[i])]
                raise DatasetError(f"{name}: it could be read before and now cannot: {error}") from None
            self._store.add(self._keys[rows[i]], result[i].tobytes(), _write(note))
        return result

    def values(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network gets for `pictures` [n, h, w, c]: float32, by the value part of the graph."""
        result: NDArray[np.float32] = self._values.run(None, {PIXELS_NAME: pictures})[0]
        return result


@dataclass(frozen=True)
class Prepared:
    """A data set without the images that cannot be read, with what was found out about the others.

    `digest` is a SHA-256 of all names and contents, the bad ones among them, in hexadecimal.
    """

    dataset: Dataset
    pictures: Pictures
    notes: tuple[Note, ...]
    digest: str

    @property
    def hashes(self) -> list[bytes]:
        """The SHA-256 of each content."""
        return list(self.pictures.hashes)

    @property
    def measures(self) -> NDArray[np.float64]:
        """Size, brightness and contrast of each picture as it was decoded: float64 [N, 3]."""
        return np.array([note.measures for note in self.notes]).reshape(-1, 3)


def prepare(dataset: Dataset, steps: Sequence[Step], store: Store, skip_bad: bool, jobs: int | None = None) -> Prepared:
    """Prepare all images of `dataset`, `jobs` at once (None is one a core), with a bar on a terminal.

    Images that cannot be read are named on standard error and left out. Raises DatasetError if there are some and
    `skip_bad` is not set.
    """
    hashes = list(in_threads(lambda i: _hash(dataset, i), range(len(dataset.names)), jobs))
    digest = dataset.digest(hashes)
    pictures = Pictures(dataset, steps, store, hashes)
    with tqdm(total=len(hashes), unit="image", desc="preparing", disable=None) as bar:
        notes, bad = pictures.fill(jobs, bar.update)
    if bad:
        described = _describe_bad(dataset, bad)
        if not skip_bad:
            raise DatasetError(f"{described}; repair or remove them, or leave them out with --skip-bad")
        print(f"left out: {described}", file=sys.stderr)
        rows = np.array([row for row in range(len(hashes)) if row not in bad], np.int64)
        dataset = dataset.select(rows)
        pictures = Pictures(dataset, steps, store, [hashes[row] for row in rows])
    return Prepared(dataset, pictures, tuple(note for note in notes if note is not None), digest)


def in_threads(work: Callable[[T], R], items: Iterable[T], jobs: int | None) -> Iterator[R]:
    """Yield `work(item)` in order, computed by `jobs` threads, with a bounded number on the way."""
    threads = jobs or usable_cores()
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= AHEAD_PER_THREAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _hash(dataset: Dataset, i: int) -> bytes:
    """Return the SHA-256 of a content, or of the name of an image that cannot be read, which is found out later."""
    try:
        return dataset.content_hash(i)
    except ImageError:
        return hashlib.sha256(dataset.names[i].encode("utf-8", "surrogateescape")).digest()


def _describe_bad(dataset: Dataset, bad: dict[int, str]) -> str:
    listed = ", ".join(f"{dataset.names[row]} ({reason})" for row, reason in list(bad.items())[:NAMED_BAD_IMAGES])
    more = f" and {len(bad) - NAMED_BAD_IMAGES} more" if len(bad) > NAMED_BAD_IMAGES else ""
    images = "1 unreadable image" if len(bad) == 1 else f"{len(bad):,} unreadable images"
    return f"{dataset.name}: {images}: {listed}{more}"


def _camera(encoded: bytes) -> str:
    """Return maker and model of the camera as EXIF has them, or nothing."""
    try:
        with Image.open(BytesIO(encoded)) as image:
            exif = image.getexif()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""  # it was decoded, so only what describes it is damaged
    return " ".join(str(exif.get(tag, "")).strip("\0 ") for tag in CAMERA_TAGS).strip()


def _write(note: Note) -> str:
    return json.dumps([note.measures, note.size, note.camera])


def _parse(text: str) -> Note:
    measures, size, camera = json.loads(text)
    return Note(tuple(measures), tuple(size), camera)
