"""Go on with an interrupted run: hold the rows that are there against the inputs of now, and keep what is left.

It exists because rows of files that have changed meanwhile, or of another list, would be a result that no single
run could have given.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from edge.batch.content import read_file
from edge.batch.inputs import Input
from edge.batch.ledger import Ledger
from edge.batch.row import Row
from edge.errors import UsageError

# A file that was last touched this long before the run began cannot have changed since; clocks of file servers
# differ by less.
CLOCK_MARGIN_S = 120.0


def skip_done(
    ledger: Ledger, inputs: Iterator[Input], begun_s: float, max_pixels: int, stop: Event, seen: Callable[[Row], None]
) -> None:
    """Take from `inputs` those that have a row in the ledger, and hand each row to `seen`.

    A file that was touched since `begun_s` is read and its digest compared; all others are compared by size.
    Raises UsageError for the first input that is not what its row was made of, OutputError for a damaged ledger.
    Returns early once `stop` is set.
    """
    for row in ledger.recover():
        item = next(inputs, None)
        if reason := _difference(row, item, begun_s, max_pixels):
            raise _changed(ledger.output, reason)
        seen(row)
        if stop.is_set():
            return


def _changed(output: Path, reason: str) -> UsageError:
    return UsageError(f"{output}: {reason} since the interrupted run; put it back, or --overwrite to start anew")


def _difference(row: Row, item: Input | None, begun_s: float, max_pixels: int) -> str | None:
    path = row.answer.path
    if item is None:
        return f"the input {path!a} is gone"
    if item.path != path:
        return f"the inputs have changed (there was {path!a}, now there is {item.path!a})"
    if item.content is not None:
        same = (row.sha256, row.code if item.content.error else None) == (item.content.sha256, _code(item))
    else:
        same = _same_file(row, path, begun_s, max_pixels)
    return None if same else f"{path!a} has changed"


def _code(item: Input) -> str | None:
    return item.content.error.code if item.content and item.content.error else None


def _same_file(row: Row, path: str, begun_s: float, max_pixels: int) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return row.size_bytes is None and row.code in ("not_found", "unreadable")
    untouched = max(status.st_mtime, status.st_ctime) < begun_s - CLOCK_MARGIN_S
    if untouched and row.size_bytes is not None:
        return status.st_size == row.size_bytes
    content = read_file(path, max_pixels)
    return (content.sha256, content.size_bytes) == (row.sha256, row.size_bytes)
