"""Turn what a user names into inputs, one by one, and read them: images, folders, globs, archives and lists of paths.

A list is text with one path a line, or a column of a CSV file, in UTF-8 or UTF-16. Its paths are relative to the
current directory, like those on the command line, and each names one file. Bytes that are no UTF-8 stay as they are.
"""

import codecs
import csv
import glob
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from edge.batch.run_config import RunConfig
from edge.errors import ImageError, UsageError
from edge.image import most_bytes, opened_image, read_header
from edge.sources import STANDARD_INPUT, expand_sources, matches

LIST_SUFFIXES, CSV_SUFFIX = (".txt", ".lst"), ".csv"
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LONGEST_LINE = 1 << 16  # Linux refuses paths above 4,096 bytes
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK_BYTES = 1 << 20
# Codes that the first bytes of a file are enough for; of other headers the rest may be further in.
NO_IMAGE = ("empty", "not_an_image", "unsupported_format")


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to classify: a path that is still to be read, or what was read, the bytes of a file or its error.

    `sha256` is hexadecimal and that of the whole content; it is None where not all of it was read.
    """

    path: str
    encoded: bytes | None = None
    error: ImageError | None = None
    sha256: str | None = None
    size_bytes: int | None = None


def failed(path: str, code: str, message: str, size_bytes: int | None = None) -> Input:
    """Return an input that could not be read."""
    return Input(path, error=ImageError(code, message), size_bytes=size_bytes)


def read_file(path: str, max_pixels: int) -> Input:
    """Return the file at `path` as it was read; what is wrong with it is in there too, nothing is raised."""
    try:
        with opened_image(path) as stream:
            chunks = iter(partial(stream.read, CHUNK_BYTES), b"")
            return read_chunks(path, chunks, os.fstat(stream.fileno()).st_size, max_pixels)
    except ImageError as error:
        return Input(path, error=error)


def read_chunks(path: str, chunks: Iterable[bytes], size_bytes: int, max_pixels: int) -> Input:
    """Return the input that consists of `chunks` and claims `size_bytes`; raises what they raise.

    What is larger than its image can be is not read on, and what is no image is read for its digest only.
    """
    held, digest, size, most, error = list[bytes](), hashlib.sha256(), 0, most_bytes(max_pixels), None
    if size_bytes > most:
        return failed(path, "too_many_bytes", "it has more bytes than any image of the limit needs", size_bytes)
    for chunk in chunks:
        if not size:
            try:
                header = read_header(io.BytesIO(chunk))
                most = most_bytes(header.width * header.height)
            except ImageError as reason:
                error = reason if reason.code in NO_IMAGE else None
        digest.update(chunk)
        size += len(chunk)
        if size > size_bytes or size_bytes > most:
            return failed(
                path, "too_many_bytes", "it has more bytes than it claims, or than its pixels need", size_bytes
            )
        if not error:
            held.append(chunk)
    return Input(path, None if error else b"".join(held), error, digest.hexdigest(), size)


def find_inputs(config: RunConfig) -> Iterator[Input]:
    """Yield the inputs that the sources of a run lead to, each when its turn comes.

    Raises UsageError for a list that is not in the form that the config says.
    """
    for name in config.sources:
        yield from _expand(name, config)


def is_countable(sources: Sequence[str]) -> bool:
    """Whether the inputs can be counted beforehand for little: no pipe, no archive to read through."""
    slow = (STANDARD_INPUT, *ARCHIVE_SUFFIXES)
    return not any(name.lower().endswith(slow) or glob.has_magic(name) for name in sources)


def _expand(name: str, config: RunConfig) -> Iterator[Input]:
    is_there = os.path.lexists(name)
    suffix = name.lower() if is_there and not os.path.isdir(name) else ""
    if suffix.endswith(ARCHIVE_SUFFIXES):
        from edge.batch.archives import read_archive  # it loads five modules of compression

        yield from read_archive(name, config.max_pixels)
    elif name == STANDARD_INPUT or suffix.endswith((*LIST_SUFFIXES, CSV_SUFFIX)):
        try:
            is_csv = suffix.endswith(CSV_SUFFIX)
            yield from map(Input, _read_csv(name, config.column) if is_csv else _read_text(name, config.null))
        except UsageError:
            raise
        except OSError as error:
            yield failed(name, "unreadable", f"the list cannot be read ({error.strerror})")
        except (csv.Error, ValueError) as error:
            yield failed(name, "corrupt", f"the list cannot be read further ({error})")
    elif glob.has_magic(name) and not is_there:
        empty = True
        for match in matches(name):
            empty = False
            yield from [Input(match.path, error=match.error)] if match.error else _expand(match.path, config)
        if empty:
            yield failed(name, "not_found", "no file matches")
    else:
        yield from (Input(source.path, error=source.error) for source in expand_sources([name]))


def _read_text(name: str, null: bool) -> Iterator[str]:
    """Yield the path on each line, or before each NUL; of one that is too long for a path only its start."""
    line, decoder, end = "", None, "\0" if null else "\n"
    with _open_standard_input() if name == STANDARD_INPUT else open(name, "rb") as stream:
        # What there is, so that paths that come through a pipe are not kept waiting for more of them.
        while chunk := stream.read1(LONGEST_LINE):  # type: ignore[attr-defined]
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


def _open_standard_input() -> BinaryIO:
    """Return standard input as a file of its own: Python, when it ends, would wait for who still reads `sys.stdin`."""
    try:
        return open(0, "rb", closefd=False)
    except OSError:
        raise UsageError("standard input is closed; pipe a list of paths into it, or leave out -") from None


def _read_csv(name: str, column: str) -> Iterator[str]:
    """Yield the path in `column` of each row, after the row that names the columns; a row without one is empty.

    An output of a run is a list too, in which `path_bytes` has in hexadecimal what is no UTF-8 in `path`.
    """
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
