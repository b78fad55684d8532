"""Sort any number of file names in the memory of a few.

It exists for folders with a million entries: a sorted run of names goes to a temporary file when it is full, and the
runs are merged as they are read. Small folders never touch the disk.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

NAMES_IN_MEMORY = 20_000


def sorted_names(names: Iterable[str], in_memory: int = NAMES_IN_MEMORY) -> Iterator[str]:
    """Read all file `names` and return them in the order of `sorted`, with about `in_memory` of them in memory.

    Temporary files go where Python's tempfile puts them.
    """
    names = iter(names)
    run = sorted(islice(names, in_memory))
    if len(run) < in_memory:
        return iter(run)
    files = []
    while run:
        files.append(_written(run))
        run = sorted(islice(names, in_memory))
    return _merged(files)


def _merged(files: list[BinaryIO]) -> Iterator[str]:
    from heapq import merge  # small folders, which is nearly all of them, do not pay for it

    try:
        yield from merge(*map(_read, files))
    finally:
        for file in files:
            file.close()


def _written(run: list[str]) -> BinaryIO:
    from tempfile import TemporaryFile

    file = TemporaryFile()  # noqa: SIM115 # closed when all is read
    file.writelines(os.fsencode(name).replace(b"\n", b"\0") + b"\n" for name in run)  # no name holds a NUL
    file.seek(0)
    return file


def _read(file: BinaryIO) -> Iterator[str]:
    return (os.fsdecode(line[:-1].replace(b"\0", b"\n")) for line in file)
