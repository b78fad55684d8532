"""The pictures of a folder as files: which there are, and their contents.

It exists because a folder of training pictures is one whole: a part of it that cannot be listed is an error.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from edge.errors import DatasetError, ImageError
from edge.image import BYTES_PER_PIXEL, MAX_PIXELS, METADATA_BYTES, opened_image
from edge.sources import walk

# No picture that is decoded needs more, whatever its header says.
LARGEST_BYTES = MAX_PIXELS * BYTES_PER_PIXEL + METADATA_BYTES


def walk_pictures(folder: str) -> Iterator[str]:
    """Yield the paths of the pictures below `folder`, as `walk` finds them.

    Raises DatasetError, naming it, for a folder that cannot be read.
    """
    for source in walk(folder):
        if source.error:
            raise DatasetError(f"{source.path}: {source.error}, and a data set is taken whole or not at all")
        yield source.path


def read_picture(path: str) -> bytes:
    """Return the content of the file at `path`. Raises ImageError, also for what is no file or too large."""
    with _opened(path) as stream:
        return stream.read()


def hash_picture(path: str) -> bytes:
    """Return the SHA-256 of the file at `path`, read in pieces. Raises ImageError as `read_picture` does."""
    with _opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").digest()  # type: ignore[arg-type]  # it has readinto


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with opened_image(path) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > LARGEST_BYTES:
            raise ImageError("too_many_bytes", f"{size_bytes:,} bytes are more than any picture can need")
        yield stream
