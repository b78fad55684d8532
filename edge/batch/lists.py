"""Read lists of paths: text with one path a line, or a column of a CSV file.

Paths in a list are relative to the current directory, like those on the command line; each names one file. A name
that is no UTF-8 is taken as the bytes it is.
"""

import csv
import os
from collections.abc import Iterator
from typing import BinaryIO

from edge.errors import ImageError, UsageError

# Linux refuses paths above 4,096 bytes.
LONGEST_LINE_BYTES = 1 << 16
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Entry = tuple[str, ImageError | None]


def open_standard_input() -> BinaryIO:
    """Return standard input as bytes. Raises UsageError if it is closed.

    It is a file of its own: Python, when it ends, would wait for a thread that still reads `sys.stdin`.
    """
    try:
        return open(0, "rb", closefd=False)
    except OSError:
        raise UsageError("standard input is closed; pipe a list of paths into it, or leave out -") from None


def read_lines(source: str | BinaryIO, name: str, null: bool) -> Iterator[Entry]:
    """Yield the path on each line of the text list `source`; empty lines are passed over.

    A line too long for a path is an error in its place, and so is a list that cannot be read.
    """
    try:
        with open(source, "rb") if isinstance(source, str) else source as stream:
            for number, line in enumerate(_split(stream, b"\0" if null else b"\n"), 1):
                line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
                line = line if null else line.removesuffix(b"\r")
                if len(line) >= LONGEST_LINE_BYTES:
                    yield f"{name}:{number}", ImageError("not_found", "the line is longer than a path can be")
                elif line:
                    yield os.fsdecode(line), None
    except OSError as error:
        yield name, ImageError("unreadable", f"the list cannot be read ({error.strerror})")


def _split(stream: BinaryIO, end: bytes) -> Iterator[bytes]:
    """Yield what stands between the `end`s, of an overlong part only its start."""
    line = b""
    # What there is, so that paths that come through a pipe are not kept waiting for more of them.
    while chunk := stream.read1(LONGEST_LINE_BYTES):  # type: ignore[attr-defined]
        first, *others = chunk.split(end)
        line = (line + first)[:LONGEST_LINE_BYTES]
        for other in others:
            yield line
            line = other
    if line:
        yield line


def read_csv(name: str, column: str) -> Iterator[Entry]:
    """Yield the path in `column` of each row of the CSV file `name`, whose first row names the columns.

    Raises UsageError if there is no such column. A row without a path is an error in its place.
    """
    try:
        with open(name, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.reader(stream)
            header = next(rows, [])
            if column not in header:
                raise UsageError(
                    f"{name}: it has no column {column!r}; say which one holds the paths with --column. "
                    f"Received: {', '.join(header)[:200] or 'an empty file'}"
                )
            index = header.index(column)
            for row in rows:
                if len(row) > index and row[index]:
                    yield row[index], None
                elif row:
                    yield f"{name}:{rows.line_num}", ImageError("not_found", f"the row has no {column!r}")
    except csv.Error as error:
        yield name, ImageError("corrupt", f"the list cannot be read further ({error})")
    except OSError as error:
        yield name, ImageError("unreadable", f"the list cannot be read ({error.strerror})")
