"""`Input`: one thing to classify, read with its digest, and held in memory only as far as an image can need."""

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from edge.errors import ImageError
from edge.image import most_bytes, opened_image, read_header

CHUNK_BYTES = 1 << 20
# The header of nearly every image is in the first chunk; what is no image by it is not held.
NO_IMAGE = ("empty", "not_an_image", "unsupported_format")


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to classify: a path that is still to be read, or what was read: the bytes of a file, or its error.

    `sha256` is hexadecimal and that of the whole content; it is None where not all of it was read.
    """

    path: str
    encoded: bytes | None = None
    error: ImageError | None = None
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def held_bytes(self) -> int:
        """How much memory it holds while it waits for its turn."""
        return len(self.encoded) if self.encoded else 0


def failed(path: str, code: str, message: str, size_bytes: int | None = None) -> Input:
    """Return an input that could not be read."""
    return Input(path, error=ImageError(code, message), size_bytes=size_bytes)


def read_file(path: str, max_pixels: int) -> Input:
    """Return the file at `path` as it was read; what is wrong with it is in there too, nothing is raised."""
    try:
        with opened_image(path) as stream:
            size_bytes = os.fstat(stream.fileno()).st_size
            return read_chunks(path, iter(partial(stream.read, CHUNK_BYTES), b""), size_bytes, max_pixels)
    except ImageError as error:
        return Input(path, error=error)


def read_chunks(path: str, chunks: Iterable[bytes], size_bytes: int, max_pixels: int) -> Input:
    """Return the input that consists of `chunks` and claims `size_bytes`; raises what they raise.

    What is larger than its image can be is not read on, and what is no image is read for its digest only.
    """
    held, digest, size, error = list[bytes](), hashlib.sha256(), 0, None
    if size_bytes > (most := most_bytes(max_pixels)):
        return failed(
            path, "too_many_bytes", f"{size_bytes:,} bytes are more than any image of the limit needs", size_bytes
        )
    for chunk in chunks:
        if not size:
            try:
                header = read_header(io.BytesIO(chunk))
                most = most_bytes(header.width * header.height)
            except ImageError as reason:
                error = reason if reason.code in NO_IMAGE else None  # of others the header may be cut short here
        digest.update(chunk)
        size += len(chunk)
        if size > size_bytes or size_bytes > most:
            return failed(
                path, "too_many_bytes", "it holds more bytes than it claims, or than its pixels need", size_bytes
            )
        if not error:
            held.append(chunk)
    return Input(path, None if error else b"".join(held), error, digest.hexdigest(), size)
