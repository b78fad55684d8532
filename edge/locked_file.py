"""A file that one process at a time may write: open it locked, or say who it is that must go first.

It exists for what grows for hours and must not be written by two: the rows of a batch, the answers of an annotation.
"""

import fcntl
import os
from io import FileIO
from pathlib import Path

from edge.errors import OutputError


def open_locked(path: Path, refusal: str) -> FileIO:
    """Open or create `path` for reading and writing; closing it unlocks it.

    Raises OutputError with the message `refusal` if another process holds it.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = FileIO(handle, "r+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise OutputError(refusal) from None
        # Who held it before may have renamed or removed it in between: then the lock is on the wrong file.
        if is_at(file, path):
            return file
        file.close()


def is_at(file: FileIO, path: Path) -> bool:
    """Whether `path` still names the open `file`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
