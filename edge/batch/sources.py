"""Turn what a user names into inputs, one by one: images, folders, globs, archives and lists of paths.

A list is text with one path a line, or a column of a CSV file, in UTF-8 or UTF-16. Its paths are relative to the
current directory, like those on the command line, and each names one file. Bytes that are no UTF-8 stay as they are.
"""

import codecs
import csv
import glob
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from edge.batch.archives import ARCHIVE_SUFFIXES, read_archive
from edge.batch.inputs import Input, failed
from edge.batch.run_config import RunConfig
from edge.errors import UsageError
from edge.sources import STANDARD_INPUT, expand_sources, matches

LIST_SUFFIXES, CSV_SUFFIX = (".txt", ".lst"), ".csv"
# Linux refuses paths above 4,096 bytes.
LONGEST_LINE = 1 << 16
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find_inputs(config: RunConfig) -> Iterator[Input]:
    """Yield the inputs that the sources of a run lead to, each when its turn comes.

    Raises UsageError for a list that is not in the form that the config says.
    """
    for name in config.sources:
        yield from _expand(name, config)


def is_countable(sources: Sequence[str]) -> bool:
    """Whether the inputs can be counted beforehand for little: no pipe, no archive to read through."""
    return not any(
        name == STANDARD_INPUT or name.lower().endswith(ARCHIVE_SUFFIXES) or glob.has_magic(name) for name in sources
    )


def _expand(name: str, config: RunConfig) -> Iterator[Input]:
    is_there = os.path.lexists(name)
    suffix = name.lower() if is_there and not os.path.isdir(name) else ""
    if suffix.endswith(ARCHIVE_SUFFIXES):
        yield from read_archive(name, config.max_pixels)
    elif name == STANDARD_INPUT or suffix.endswith((*LIST_SUFFIXES, CSV_SUFFIX)):
        try:
            if suffix.endswith(CSV_SUFFIX):
                yield from _read_csv(name, config.column)
            else:
                yield from _read_text(name, config.null)
        except OSError as error:
            yield failed(name, "unreadable", f"the list cannot be read ({error.strerror})")
        except UsageError:
            raise
        except (csv.Error, ValueError) as error:
            yield failed(name, "corrupt", f"the list cannot be read further ({error})")
    elif glob.has_magic(name) and not is_there:
        empty = True
        for match in matches(name):
            empty = False
            yield from _expand(match.path, config) if match.error is None else [Input(match.path, error=match.error)]
        if empty:
            yield failed(name, "not_found", "no file matches")
    else:
        yield from (Input(source.path, error=source.error) for source in expand_sources([name]))


def _read_text(name: str, null: bool) -> Iterator[Input]:
    """Yield the path on each line, or before each NUL, of one that is too long for a path only its start."""
    line, decoder, end = "", None, "\0" if null else "\n"
    with _open_standard_input() if name == STANDARD_INPUT else open(name, "rb") as stream:
        # What there is, so that paths that come through a pipe are not kept waiting for more of them.
        while chunk := stream.read1(LONGEST_LINE):  # type: ignore[attr-defined]
            if decoder is None:
                encoding = "utf-16" if chunk.startswith(UTF_16) else "utf-8-sig"
                if b"\0" in chunk and not null and encoding != "utf-16":
                    raise UsageError(
                        f"{name}: this list holds NUL bytes; give --null if they end its names; "
                        "UTF-16 must begin with a byte order mark"
                    )
                decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
            *lines, rest = (line + decoder.decode(chunk)).split(end)
            yield from (Input(path) for text in lines if (path := text if null else text.removesuffix("\r")))
            line = rest[:LONGEST_LINE]
    if line:
        yield Input(line)


def _open_standard_input() -> BinaryIO:
    """Return standard input as a file of its own: Python, when it ends, would wait for who still reads `sys.stdin`."""
    try:
        return open(0, "rb", closefd=False)
    except OSError:
        raise UsageError("standard input is closed; pipe a list of paths into it, or leave out -") from None


def _read_csv(name: str, column: str) -> Iterator[Input]:
    """Yield the path in `column` of each row; the first row names the columns. A row without one is an error there.

    An output of a run is a list too, in which `path_bytes` has in hexadecimal what is no UTF-8 in `path`.
    """
    with open(name, "rb") as stream:
        encoding = "utf-16" if stream.read(2) in UTF_16 else "utf-8-sig"
    with open(name, encoding=encoding, errors="surrogateescape", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        if column not in (columns := rows.fieldnames or ()):
            raise UsageError(
                f"{name}: it has no column {column!r}; say which one holds the paths with --column. "
                f"Received: {', '.join(columns)[:200] or 'an empty file'}"
            )
        for row in rows:
            encoded = bytes.fromhex(row.get("path_bytes") or "") if column == "path" else b""
            if path := os.fsdecode(encoded) or row[column]:
                yield Input(path)
            else:
                yield failed(f"{name}:{rows.line_num}", "not_found", f"the row has no {column!r}")
