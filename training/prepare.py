"""Turn a data set into the array that a network trains on, by running the preprocessing graph.

It exists so that training sees exactly what the exported file will see: there is no other resize here. The
array is built once for a content and a preprocessing, on all cores, and kept on disk; training maps it, so
that memory does not grow with the data set.
"""

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artifact import INPUT_NAME, SEAM_NAME
from edge.decode import decode_image
from edge.errors import ImageError
from edge.picture_measures import PictureMeasures, measure
from edge.preprocessing_limits import require_preparable
from edge.runtime import create_session
from edge.spec import canonical_json
from edge.steps import Step
from edge.strict_json import encode
from export.preprocessing import build_preprocessing, network_shape
from training.dataset import Dataset

# Raise it when the same steps come to compute something else, or when something else is stored.
CACHE_FORMAT = 3
# Images that are on their way at once; enough to keep the cores busy, few enough to hold in memory.
IN_FLIGHT = 64
NAMED_BAD_IMAGES = 5

Progress = Callable[[int], Any]


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
    """
    hashes = list(_in_parallel(lambda i: _hash(dataset, i), len(dataset.names), jobs))
    digest = dataset.digest(hashes)
    key = hashlib.sha256(f"{CACHE_FORMAT} {digest} {canonical_json(encode(tuple(steps)))}".encode()).hexdigest()
    folder = cache / key[:32]
    if not (folder / "bad.json").is_file():
        _build(dataset, steps, folder, progress, jobs)
    bad = json.loads((folder / "bad.json").read_text(encoding="utf-8"))
    arrays = np.load(folder / "arrays.npy", mmap_mode="r")
    measures = np.load(folder / "measures.npy")
    return Prepared(arrays, measures, hashes, digest, {int(row): reason for row, reason in bad.items()})


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


def _hash(dataset: Dataset, i: int) -> bytes:
    try:
        return dataset.content_hash(i)
    except OSError:
        return hashlib.sha256(dataset.names[i].encode("utf-8", "surrogateescape")).digest()


def _build(dataset: Dataset, steps: Sequence[Step], folder: Path, progress: Progress, jobs: int | None) -> None:
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        bad = _fill(unfinished, dataset, steps, progress, jobs)
        (unfinished / "bad.json").write_text(json.dumps(bad), encoding="utf-8")
        if not (folder / "bad.json").is_file():  # else another process was as busy, and faster
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(
    folder: Path, dataset: Dataset, steps: Sequence[Step], progress: Progress, jobs: int | None
) -> dict[int, str]:
    """Write the arrays and measures into `folder` and return which images could not be read, with the reason."""
    graph = build_preprocessing(steps)
    load = _loader(dataset, steps, create_session(graph.SerializeToString(), "preprocessing", threads=1))
    bad: dict[int, str] = {}
    measures = array("d")  # a list of Python's floats would take ten times as much, and there may be millions
    with (folder / "arrays.npy").open("wb") as file:
        _write_header(file, (len(dataset.names), *network_shape(graph)))
        for row, found in enumerate(_in_parallel(load, len(dataset.names), jobs)):
            if isinstance(found, str):
                bad[row] = found
            else:
                file.write(found[0].tobytes())
                measures.extend(found[1])
            progress(1)
        # Only now it is known how many there are. NumPy leaves room in the header for any number of rows.
        file.seek(0)
        _write_header(file, (len(dataset.names) - len(bad), *network_shape(graph)))
    np.save(folder / "measures.npy", np.array(measures).reshape(-1, len(PictureMeasures._fields)))
    return bad


def _loader(
    dataset: Dataset, steps: Sequence[Step], session: Any
) -> Callable[[int], tuple[NDArray[np.float32], PictureMeasures] | str]:
    """Return what prepares image number i, or says in a word why it cannot be read."""

    def load(i: int) -> tuple[NDArray[np.float32], PictureMeasures] | str:
        try:
            pixels = decode_image(dataset.read(i)).pixels
            require_preparable(tuple(steps), pixels.shape)
        except ImageError as error:
            return error.code
        except OSError as error:
            return error.strerror or "unreadable"
        prepared: NDArray[np.float32] = session.run([SEAM_NAME], {INPUT_NAME: pixels[None]})[0][0]
        return prepared, measure(pixels)

    return load


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _in_parallel(work: Callable[[int], Any], count: int, jobs: int | None) -> Iterator[Any]:
    """Yield `work(i)` in order, computed by `jobs` threads, with a bounded number on the way."""
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for start in range(0, count, IN_FLIGHT):
            yield from pool.map(work, range(start, min(start + IN_FLIGHT, count)))
