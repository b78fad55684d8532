"""Turn a data set into the array that a network trains on, by running the preprocessing graph.

It exists so that training sees exactly what the exported file will see: there is no other resize here. The
array is built once for a content and a preprocessing, on all cores, and kept on disk; training maps it, so
that memory does not grow with the data set.
"""

import hashlib
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError, ImageError
from edge.fingerprint import PictureMeasures, measure
from edge.image import MAX_PIXELS, decode_image
from edge.model import INPUT_NAME, NETWORK_INPUT_NAME
from edge.runtime import create_session, ordered_map, usable_cores
from edge.spec import canonical_json
from edge.steps import Step, require_preparable
from export.preprocessing import build_preprocessing, network_shape
from training.dataset import Dataset
from training.prepared_cache import read_or_build

# Raise it when the same steps come to compute something else, or when something else is stored.
CACHE_FORMAT = 4
FLOAT_BYTES = 4
NAMED_BAD_IMAGES = 5

Progress = Callable[[int], Any]
Load = Callable[[int], tuple[NDArray[np.float32], PictureMeasures] | str]
R = TypeVar("R")


@dataclass(frozen=True)
class Prepared:
    """What stands at the seam for every image that could be read, in order: float32 [N, h, w, c], mapped from disk.

    `measures`, float64 [N, 3], are the size, brightness and contrast of the same images as they were decoded.
    `hashes` are the SHA-256 of all images' contents and `digest` is one of all of them and their names, in
    hexadecimal. `bad` names the images that could not be read, by their place in the data set, with the reason.
    """

    arrays: NDArray[np.float32]
    measures: NDArray[np.float64]
    hashes: list[bytes]
    digest: str
    bad: dict[int, str]


def prepare(
    dataset: Dataset, steps: Sequence[Step], cache: Path, progress: Progress, jobs: int | None = None
) -> Prepared:
    """Return the arrays of `dataset`, from `cache` if they are there and into it if not.

    `progress` is called with 1 for every image that is done; `jobs` images are worked on at once, None is one a core.
    Raises DatasetError if an image was read once and then no more.
    """
    read = list(_in_parallel(lambda i: _hash(dataset, i), len(dataset.names), jobs))
    hashes, was_read = [content for content, _ in read], [known for _, known in read]
    digest = dataset.digest(hashes)
    key = hashlib.sha256(f"{CACHE_FORMAT} {digest} {canonical_json(tuple(steps))}".encode()).hexdigest()

    def fill(path: Path) -> tuple[NDArray[np.float64], dict[int, str]]:
        graph = build_preprocessing(steps)
        session = create_session(graph.SerializeToString(), "preprocessing", threads=1)
        load = _loader(dataset, steps, session, was_read)
        return _write_arrays(path, network_shape(graph), load, len(hashes), progress, jobs)

    entry = read_or_build(cache / key[:32], fill)
    return Prepared(entry.arrays, entry.measures, hashes, digest, entry.bad)


def leave_out_bad(dataset: Dataset, prepared: Prepared) -> tuple[Dataset, Prepared]:
    """Return both without the images that could not be read, of which the arrays hold nothing anyway."""
    rows = np.array([row for row in range(len(dataset.names)) if row not in prepared.bad], np.int64)
    return dataset.select(rows), replace(prepared, hashes=[prepared.hashes[row] for row in rows], bad={})


def describe_bad(dataset: Dataset, bad: dict[int, str]) -> str:
    """Return one line that counts the images that could not be read and names the first of them."""
    listed = ", ".join(f"{dataset.names[row]} ({reason})" for row, reason in list(bad.items())[:NAMED_BAD_IMAGES])
    more = f" and {len(bad) - NAMED_BAD_IMAGES} more" if len(bad) > NAMED_BAD_IMAGES else ""
    images = "1 unreadable image" if len(bad) == 1 else f"{len(bad):,} unreadable images"
    return f"{dataset.name}: {images}: {listed}{more}"


def _hash(dataset: Dataset, i: int) -> tuple[bytes, bool]:
    """Return the hash of what image number i holds, or of its name, and whether it was the content."""
    try:
        return dataset.content_hash(i), True
    except ImageError:
        return hashlib.sha256(dataset.names[i].encode("utf-8", "surrogateescape")).digest(), False


def _write_arrays(
    path: Path, shape: tuple[int, ...], load: Load, count: int, progress: Progress, jobs: int | None
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Write the arrays, of `shape` each, that `load` gives for `count` images, and return what goes with them."""
    bad: dict[int, str] = {}
    measures = array("d")  # a list of Python's floats would take ten times as much, and there may be millions
    with path.open("wb") as file:
        _write_header(file, (count, *shape))
        for row, found in enumerate(_in_parallel(load, count, jobs, result_bytes=math.prod(shape) * FLOAT_BYTES)):
            if isinstance(found, str):
                bad[row] = found
            else:
                file.write(found[0].tobytes())
                measures.extend(found[1])
            progress(1)
        # Only now it is known how many there are. NumPy leaves room in the header for any number of rows.
        file.seek(0)
        _write_header(file, (count - len(bad), *shape))
    return np.array(measures).reshape(-1, len(PictureMeasures._fields)), bad


def _loader(dataset: Dataset, steps: Sequence[Step], session: Any, was_read: Sequence[bool]) -> Load:
    """Return what prepares image number i, or says why it cannot be read.

    What is wrong with an image is kept for good. So it raises DatasetError where one `was_read` a moment ago and now
    cannot be: that passes, as an error of the disk or too many open files do.
    """

    def load(i: int) -> tuple[NDArray[np.float32], PictureMeasures] | str:
        try:
            encoded = dataset.read(i)
        except ImageError as error:
            if was_read[i]:
                raise DatasetError(f"{dataset.names[i]}: it could be read and now cannot: {error}; try again") from None
            return str(error)
        try:
            pixels = decode_image(encoded).pixels
            require_preparable(tuple(steps), pixels.shape[0], pixels.shape[1], MAX_PIXELS)
        except ImageError as error:
            return error.code
        prepared: NDArray[np.float32] = session.run([NETWORK_INPUT_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return prepared, measure(pixels)

    return load


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _in_parallel(work: Callable[[int], R], count: int, jobs: int | None, result_bytes: int = 0) -> Iterator[R]:
    """Yield `work(i)` in order, computed by `jobs` threads, with a bounded number on the way."""
    threads = jobs or usable_cores()
    results = ordered_map(work, range(count), threads, size_of=lambda _: result_bytes)
    return (result for result in results if result is not None)
