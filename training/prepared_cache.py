"""Where prepared arrays are kept: each entry is a folder that is there whole or not at all.

It exists because several trainings may share a cache, in containers that know nothing of each other, and because a
power cut can leave a file that is shorter than it was.
"""

import errno
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.files import creating_folder, is_partial

# Nobody prepares one picture for so long: whoever wrote last into such a folder was killed.
ABANDONED_S = 24 * 3600
ARRAYS, MEASURES, BAD = "arrays.npy", "measures.npy", "bad.json"
# Writes the arrays into the file that it is given, and returns their measures and why other rows are not among them.
Fill = Callable[[Path], tuple[NDArray[np.float64], dict[int, str]]]
# What an entry that was cut short raises where it is read.
DAMAGED = (FileNotFoundError, ValueError, EOFError)


@dataclass(frozen=True)
class Entry:
    """Arrays float32 [N, h, w, c], mapped from disk, measures float64 [N, 3], and why other rows are not among them."""

    arrays: NDArray[np.float32]
    measures: NDArray[np.float64]
    bad: dict[int, str]


def read_or_build(folder: Path, fill: Fill) -> Entry:
    """Return the entry at `folder`, which is made with `fill` if it is not there yet.

    An entry that is damaged is built anew. Raises OSError, which names `folder`, if it cannot be written.
    """
    try:
        return _read(folder)
    except DAMAGED:
        _remove_damaged(folder)
    _sweep(folder.parent)
    try:
        with creating_folder(folder) as unfinished:
            measures, bad = fill(unfinished / ARRAYS)
            np.save(unfinished / MEASURES, measures)
            (unfinished / BAD).write_text(json.dumps(bad), encoding="utf-8")
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise  # else another process was as busy, and faster
    return _read(folder)


def _read(folder: Path) -> Entry:
    bad = json.loads((folder / BAD).read_text(encoding="utf-8"))
    arrays = np.load(folder / ARRAYS, mmap_mode="r")
    measures = np.load(folder / MEASURES)
    if len(arrays) != len(measures):
        raise ValueError(f"{len(arrays)} arrays have {len(measures)} measures")
    return Entry(arrays, measures, {int(row): reason for row, reason in bad.items()})


def _remove_damaged(folder: Path) -> None:
    try:
        _read(folder)  # another process may have made it in between, and then it is whole
    except DAMAGED:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove folders that processes left unfinished when they were killed, but none that may still be worked on."""
    for found in cache.glob(".*.partial"):
        if is_partial(found) and found.is_dir() and time.time() - _last_written(found) > ABANDONED_S:
            shutil.rmtree(found, ignore_errors=True)


def _last_written(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:  # it was finished in between
        return time.time()
