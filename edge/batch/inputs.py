"""Turn the sources of a batch into inputs, one by one, and read them: images, folders, globs, archives, lists."""

import codecs
import csv
import glob
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from edge.errors import ImageError, UsageError, reason_of
from edge.image import most_bytes, opened_image, read_header
from edge.sources import STANDARD_INPUT, expand_sources, matches

LIST_SUFFIXES = (".txt", ".lst", ".csv")
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LONGEST_LINE = 1 << 16  # Linux refuses paths above 4,096 bytes
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK_BYTES = 1 << 20
# Errors that the first chunk of a file proves; for others its header may be further in.
NO_IMAGE = ("empty", "not_an_image", "unsupported_format")


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to classify: a path that is still to be read, or its content, with the SHA-256 in hexadecimal."""

    path: str
    encoded: bytes | None = None
    error: ImageError | None = None
    sha256: str | None = None
    size_bytes: int | None = None


def failed(path: str, code: str, message: str, size_bytes: int | None = None) -> Input:
    """Return an input that could not be read."""
    return Input(path, error=ImageError(code, message), size_bytes=size_bytes)


def read_file(path: str, max_pixels: int) -> Input:
    """Return the content of the file at `path`, or its error; nothing is raised."""
    try:
        with opened_image(path) as stream:
            chunks = iter(partial(stream.read, CHUNK_BYTES), b"")
            return read_chunks(path, chunks, os.fstat(stream.fileno()).st_size, max_pixels)
    except ImageError as error:
        return Input(path, error=error)
    except EOFError as error:
        return failed(path, "unreadable", f"it has changed while it was read ({error})")


def read_chunks(path: str, chunks: Iterable[bytes], size_bytes: int, max_pixels: int) -> Input:
    """Return the input that consists of `chunks`. Raises as they do, and EOFError for fewer than `size_bytes`.

    Reading ends where there is more than an image can need, and of a large file that is no image after a chunk.
    """
    held, digest, size, most = list[bytes](), hashlib.sha256(), 0, most_bytes(max_pixels)
    for chunk in chunks if size_bytes <= most else ():
        if not size and size_bytes > CHUNK_BYTES:
            try:
                header = read_header(io.BytesIO(chunk))
                most = most_bytes(header.width * header.height)
            except ImageError as error:
                if error.code in NO_IMAGE:
                    return Input(path, error=error, size_bytes=size_bytes)
        digest.update(chunk)
        size += len(chunk)
        if size > size_bytes or size_bytes > most:
            break
        held.append(chunk)
    if size > size_bytes or size_bytes > most:
        return failed(path, "too_many_bytes", "there are more bytes than claimed, or than an image needs", size_bytes)
    if size < size_bytes:
        raise EOFError(f"{size:,} of {size_bytes:,} bytes")
    return Input(path, b"".join(held), None, digest.hexdigest(), size)


def find_inputs(names: Iterable[str], column: str, null: bool, max_pixels: int) -> Iterator[Input]:
    """Yield the inputs that `names` lead to. Raises UsageError for a list without `column`, or with `null` bytes."""
    for name in names:
        exists = os.path.lexists(name)
        suffix = name.lower() if exists and not os.path.isdir(name) else ""
        if suffix.endswith(ARCHIVE_SUFFIXES):
            from edge.batch.archives import read_archive  # it loads five modules of compression

            yield from read_archive(name, max_pixels)
        elif name == STANDARD_INPUT or suffix.endswith(LIST_SUFFIXES):
            try:
                yield from map(Input, _read_csv(name, column) if suffix.endswith(".csv") else _read_text(name, null))
            except UsageError:
                raise
            except (OSError, csv.Error, ValueError) as error:
                yield failed(name, "unreadable", f"the list cannot be read further ({reason_of(error)})")
        elif exists or not glob.has_magic(name):
            yield from (Input(source.path, error=source.error) for source in expand_sources([name]))
        elif found := matches(name):
            yield from find_inputs(found, column, null, max_pixels)
        else:
            yield failed(name, "not_found", "no file matches")


def _read_text(name: str, null: bool) -> Iterator[str]:
    """Yield the path on each line, or before each NUL; of one that is too long only its start."""
    line, decoder, end = "", None, "\0" if null else "\n"
    is_named = name != STANDARD_INPUT  # at its end Python waits for readers of `sys.stdin`, but not of a new stream
    with open(name if is_named else 0, "rb", closefd=is_named) as stream:
        while chunk := stream.read1(LONGEST_LINE):  # what there is: paths in a pipe do not wait for more of them
            if decoder is None:
                encoding = "utf-16" if chunk.startswith(UTF_16) else "utf-8-sig"
                if b"\0" in chunk and not null and encoding != "utf-16":
                    remedy = "give --null if they end its names; UTF-16 must begin with a byte order mark"
                    raise UsageError(f"{name}: this list holds NUL bytes; {remedy}")
                decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
            *lines, line = (line + decoder.decode(chunk)).split(end)
            yield from (path for text in lines if (path := text if null else text.removesuffix("\r")))
            line = line[:LONGEST_LINE]
    if line:
        yield line


def _read_csv(name: str, column: str) -> Iterator[str]:
    """Yield the path in `column` of each row; in an output of `batch`, `path_bytes` has names that are not UTF-8."""
    with open(name, "rb") as stream:
        encoding = "utf-16" if stream.read(2) in UTF_16 else "utf-8-sig"
    with open(name, encoding=encoding, errors="surrogateescape", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        if column not in (columns := rows.fieldnames or ()):
            received = ", ".join(columns)[:200] or "an empty file"
            raise UsageError(f"{name}: --column {column!r} is none of its columns. Received: {received}")
        for row in rows:
            encoded = bytes.fromhex(row.get("path_bytes") or "") if column == "path" else b""
            yield os.fsdecode(encoded) or row[column]
