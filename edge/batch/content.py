"""Read the encoded bytes of one input, with their digest, and no more of them than an image can need.

It exists so that a file and a member of an archive meet the same limits before memory is spent on them.
"""

import hashlib
import os
from dataclasses import dataclass
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from edge.decode import BYTES_PER_PIXEL, METADATA_BYTES, check_limits
from edge.errors import ImageError
from edge.image_file import opened_image
from edge.image_header import read_header

# The header of nearly every image lies in here; what has none is never held in memory.
HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in one input: its bytes, or why there are none to decode.

    `sha256` is hexadecimal and that of the whole content; it is None where not all of it was read.
    """

    size_bytes: int | None
    sha256: str | None
    encoded: bytes | None
    error: ImageError | None


def read_file(path: str, max_pixels: int) -> Content:
    """Return the content of the file at `path`; what is wrong with it is in there too, nothing is raised."""
    try:
        with opened_image(path) as stream:
            return read_content(stream, os.fstat(stream.fileno()).st_size, max_pixels, seekable=True)
    except ImageError as error:
        return Content(None, None, None, error)


def failed(code: str, message: str, size_bytes: int | None = None) -> Content:
    """Return a content that could not be read."""
    return Content(size_bytes, None, None, ImageError(code, message))


def read_content(stream: BinaryIO, size_bytes: int, max_pixels: int, *, seekable: bool = False) -> Content:
    """Return the content of a `stream` that claims `size_bytes`. Raises OSError as the stream does.

    A header that lies far inside is looked for in a `seekable` stream itself, of any other in a copy on the disk.
    """
    if size_bytes > (most := max_pixels * BYTES_PER_PIXEL + METADATA_BYTES):
        return failed("too_many_bytes", f"{size_bytes:,} bytes are more than any image of the limit needs", size_bytes)
    head = stream.read(HEAD_BYTES)
    try:
        check_limits(read_header(BytesIO(head)), size_bytes, max_pixels)
    except ImageError as error:
        if error.code == "too_many_bytes":
            return Content(size_bytes, None, None, error)
        if error.code != "corrupt" or len(head) < HEAD_BYTES:
            return _digest_only(head, stream, most, error)
        if seekable:
            return _read_in_place(stream, size_bytes, max_pixels, most)
        return _read_by_disk(head, stream, max_pixels, most)
    return _whole(head, stream, size_bytes) if len(head) == HEAD_BYTES else _content_of(head)


def _whole(head: bytes, stream: IO[bytes], size_bytes: int) -> Content:
    """Return the content that begins with `head`, in memory for what it claims to be and not for what it may be."""
    rest = stream.read(max(size_bytes - len(head), 0) + 1)
    if len(head) + len(rest) > size_bytes:
        return failed("too_many_bytes", "it holds more bytes than it claims to")
    return _content_of(head + rest)


def _content_of(encoded: bytes) -> Content:
    return Content(len(encoded), hashlib.sha256(encoded).hexdigest(), encoded, None)


def _read_by_disk(head: bytes, stream: BinaryIO, max_pixels: int, most: int) -> Content:
    """Read an image whose header lies far inside, as in many a TIFF, without trusting it with memory before."""
    with TemporaryFile() as file:
        file.write(head)
        while file.tell() <= most and (chunk := stream.read(HEAD_BYTES)):
            file.write(chunk)
        return _read_in_place(file, file.tell(), max_pixels, most)


def _read_in_place(file: IO[bytes], size_bytes: int, max_pixels: int, most: int) -> Content:
    file.seek(0)
    try:
        check_limits(read_header(cast(BinaryIO, file)), size_bytes, max_pixels)
    except ImageError as error:
        if error.code == "too_many_bytes":
            return Content(size_bytes, None, None, error)
        file.seek(0)
        return _digest_only(b"", file, most, error)
    file.seek(0)
    return _whole(b"", file, size_bytes)


def _digest_only(head: bytes, stream: IO[bytes], most: int, error: ImageError) -> Content:
    digest, size = hashlib.sha256(head), len(head)
    while size <= most and (chunk := stream.read(HEAD_BYTES)):
        digest.update(chunk)
        size += len(chunk)
    return Content(size, digest.hexdigest(), None, error) if size <= most else Content(None, None, None, error)
