"""A run from its inputs to the rows in its journal: begin or resume, then compute row by row."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

from edge.batch.inputs import Input, read_file
from edge.batch.journal import SYNC_EVERY_S, Journal
from edge.batch.rows import Row
from edge.batch.run_config import RunConfig
from edge.batch.sources import find_inputs, is_countable
from edge.batch.statistics import RunStatistics
from edge.errors import EyespotError, UsageError

# A file that was last touched this long before the run began cannot have changed since; clocks of file servers
# differ by less.
CLOCK_MARGIN_S = 120.0
# Where standard error is no terminal, the progress is written once a minute.
TERMINAL_S, LOG_S = 0.1, 60.0


def resume(journal: Journal, config: RunConfig, statistics: RunStatistics, stop: Event) -> Iterator[Input]:
    """Return the inputs that an interrupted run left; its rows are counted, and the journal is ready for more.

    Raises UsageError for another config, and for the first input that is not what its row was made of, OutputError
    for a journal that is damaged.
    """
    before, inputs = config.require_same(journal.config_path), find_inputs(config)
    for row in journal.read(recover=True):
        if reason := _difference(row, next(inputs, None), before):
            raise UsageError(
                f"{journal.output}: {reason} since the interrupted run; put it back, or --overwrite to start anew"
            )
        statistics.add(row)
        if stop.is_set():
            break
    return inputs


def _difference(row: Row, item: Input | None, before: RunConfig) -> str | None:
    """Return why an input cannot be what a row was made of, None if it can.

    A file that was touched since the run began is read and its digest compared; all others are compared by size.
    """
    if item is None:
        return f"the input {row.path!a} is gone"
    if item.path != row.path:
        return f"the inputs have changed (there was {row.path!a}, now there is {item.path!a})"
    if item.encoded is None and not item.error:
        with suppress(OSError, ValueError):
            status = os.stat(item.path)
            if max(status.st_mtime, status.st_ctime) < before.started_s - CLOCK_MARGIN_S and row.size_bytes is not None:
                return None if status.st_size == row.size_bytes else f"{row.path!a} has changed"
        item = read_file(item.path, before.max_pixels)
    errors = [error.code if error and item.sha256 is None else None for error in (row.error, item.error)]
    same = (row.sha256, errors[0]) == (item.sha256, errors[1])
    return None if same else f"{row.path!a} has changed"


def compute(
    journal: Journal,
    config: RunConfig,
    rows: Iterable[Row | None],
    statistics: RunStatistics,
    max_failures: float | None,
    quiet: bool,
) -> None:
    """Append `rows` to the journal as they are computed, and show how far it is, until too many have failed.

    None is for nothing yet.
    """
    statistics.start_clock()
    every_s = TERMINAL_S if sys.stderr and sys.stderr.isatty() else LOG_S
    options: dict[str, Any] = {"mininterval": every_s, "delay": every_s, "leave": False, "dynamic_ncols": True}
    with tqdm(initial=statistics.rows, unit=" inputs", disable=quiet or not sys.stderr, **options) as bar:
        if not bar.disable and is_countable(config.sources):
            Thread(target=_count, args=(config, bar), name="eyespot-count", daemon=True).start()
        for row in rows:
            if row is None:
                journal.sync(SYNC_EVERY_S)
                continue
            journal.append(row)
            statistics.add(row)
            if row.error:
                bar.set_postfix_str(f"{statistics.failed:,} failed", refresh=False)
                if statistics.too_many_failed(max_failures):
                    break
            bar.update()
        journal.sync()


def _count(config: RunConfig, bar: "tqdm[Any]") -> None:
    """Count the inputs by a second walk beside the work, so that the bar can say how long it still takes."""
    count = 0
    with suppress(EyespotError):  # the work meets the same, and says so
        for count, _ in enumerate(find_inputs(config), 1):
            if bar.disable:  # as it is once it is closed
                return
        bar.total = count
