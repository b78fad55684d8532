"""Open a file that should hold an image, without ever waiting for it; what is wrong with it is an ImageError."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from stat import S_ISREG
from typing import BinaryIO

from edge.errors import ImageError


@contextmanager
def opened_image(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield the regular file at `path`. Raises ImageError, also for what goes wrong while it is read in the block."""
    try:
        with _open(path) as stream:
            if not S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ImageError("unreadable", "this is not a regular file")
            yield stream
    except FileNotFoundError:
        raise ImageError("not_found", "there is no such file") from None
    except OSError as error:
        raise ImageError("unreadable", f"the file cannot be read ({error.strerror})") from None


def _open(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb", opener=_without_waiting)
    except ValueError as error:
        raise ImageError("not_found", f"no file can have this name ({error})") from None


def _without_waiting(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a named pipe that nobody writes to would wait for ever.
    return os.open(path, flags | os.O_NONBLOCK)
