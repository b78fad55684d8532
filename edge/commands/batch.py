"""Classify any number of images into a file: one row for each input, in order, also for those that fail.

SOURCE is an image, a folder (all images below it), a glob, a list of paths (.txt, .lst, or .csv with a column of
them), an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz), or - for a list of paths on standard input. Lists name one
file a line, relative to the current directory.

Rows are on the disk while the run goes on, in FILE.partial; an interrupted run, even by a power failure, goes on
with --resume. Ctrl-C finishes the images in work. Exit status: 0 all classified, 1 some failed, 2 nothing could be
done or too many failed, 130 interrupted.
"""

import argparse
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event

from tqdm import tqdm

from edge.arguments import (
    DONE,
    INTERRUPTED,
    NOTHING_DONE,
    SOME_FAILED,
    add_classifier_options,
    count_or_share,
    load_classifier,
    positive,
    stopping_on_signals,
)
from edge.batch.inputs import Input, find_inputs, read_file
from edge.batch.journal import CSV, JSON_LINES, PARQUET, SYNC_EVERY_S, Journal
from edge.batch.rows import Row, RunConfig, compute_row
from edge.batch.statistics import RunStatistics
from edge.classifier import Classifier
from edge.errors import UsageError, explaining_imports
from edge.image import MAX_PIXELS
from edge.result import DEFAULT_TOP_K, NOT_THERE
from edge.runtime import ordered_map, usable_cores
from edge.steps import Fit, Resize, ResizeSide

# A file that was changed this long before the run began is unchanged since; clocks of file servers differ by less.
CLOCK_MARGIN_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot batch` takes."""
    add_classifier_options(parser)
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help="image, folder, glob, list, archive or -")
    add("--output", required=True, type=Path, metavar="FILE", help="ends in .jsonl, .csv or .parquet")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with an interrupted run, or begin it")
    again.add_argument("--overwrite", action="store_true", help="begin anew, and replace what exists")
    top_k = f"predictions for an image or region (default {DEFAULT_TOP_K})"
    add("--top-k", type=positive, default=DEFAULT_TOP_K, metavar="K", help=top_k)
    add("--max-failures", type=count_or_share, metavar="N|P%", help="stop when more have failed")
    add("--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=f"of an image (default {MAX_PIXELS:,})")
    add("--fast-decode", action="store_true", help="let the JPEG decoder shrink large images; pixels differ slightly")
    add("--column", default="path", metavar="NAME", help="of a CSV list that has the paths (default path)")
    add("--null", action="store_true", help="paths in lists end with NUL, as 'find -print0' writes them")
    add("--threads", type=positive, default=None, metavar="N", help="images in work at once (default: all cores)")
    add("--quiet", action="store_true", help="no progress and no totals on standard error")
    add("--summary", action="store_true", help="print classes, failures and speed at the end")
    add("--labels-from-folders", action="store_true", help="a folder's name is the true label: add accuracy, confusion")
    add("--report", type=Path, metavar="FILE.html", help="write a page with the summary, failures and example pictures")
    add("--engine", choices=("threads", "ray"), default="threads", help="ray: the same through Ray Data")
    add("--ray-address", metavar="ADDRESS", help="of a cluster that has the same files (default: this machine)")


def run(arguments: Namespace) -> int:
    """Classify every input and return the exit status."""
    _require_places(arguments)
    classifier = load_classifier(arguments, 1)
    if classifier.regions and (arguments.fast_decode or arguments.labels_from_folders):
        raise UsageError("--fast-decode and --labels-from-folders are for whole pictures (--regions none)")
    if arguments.fast_decode and not isinstance(first := classifier.spec.preprocessing[0], Resize | ResizeSide | Fit):
        raise UsageError(f"--fast-decode needs a model whose first step is a resize. Received: {first.kind}")
    if arguments.ray_address and arguments.engine != "ray":
        raise UsageError("--ray-address is for --engine ray")
    config = RunConfig(
        model=classifier.spec.name,
        version=classifier.spec.version or "",
        sources=tuple(arguments.sources),
        column=arguments.column,
        null=arguments.null,
        top_k=min(arguments.top_k, len(classifier.labels)),
        max_pixels=arguments.max_pixels,
        fast_decode=arguments.fast_decode,
        min_probability=arguments.min_probability,
        regions=classifier.regions,
        started_s=time.time(),
    )
    statistics = RunStatistics(classifier.labels if arguments.labels_from_folders else ())
    with stopping_on_signals() as stop, Journal(arguments.output, config) as journal:
        if arguments.resume and journal.is_complete:
            for row in journal.read():
                statistics.add(row)
        else:
            inputs = _begin(arguments, journal, statistics, stop)
            if not stop.is_set():  # some rows were not compared with their inputs
                _append(arguments, journal, statistics, _rows(arguments, classifier, config, inputs, stop))
            goes_on = f"the rows are in {journal.path}, and the same command with --resume goes on"
            if stop.is_set():
                print(f"eyespot: stopped after {statistics.totals()}; {goes_on}", file=sys.stderr)
                return INTERRUPTED
            if statistics.too_many_failed(arguments.max_failures):
                print(f"eyespot: more than --max-failures failed ({statistics.totals()}); {goes_on}", file=sys.stderr)
                return NOTHING_DONE
        if arguments.report:
            from edge.batch.report import write_report

            with journal.keeping_rows(arguments.report):
                write_report(arguments.report, config, journal.read(), statistics)
        journal.write_output()  # after the report, which is made of the journal
    if arguments.summary:
        print(statistics.as_text(), flush=True)
    if not arguments.quiet:
        print(f"eyespot: {arguments.output}: {statistics.totals()}", file=sys.stderr)
    nothing_was_there = sum(statistics.codes[code] for code in NOT_THERE) == statistics.rows
    if nothing_was_there or statistics.too_many_failed(arguments.max_failures, at_end=True):
        return NOTHING_DONE
    return SOME_FAILED if statistics.failed else DONE


def _require_places(arguments: Namespace) -> None:
    """Raise UsageError unless output and report can be written, and are no input: now, and not after the night."""
    output, report = arguments.output, arguments.report
    if output.suffix not in (JSON_LINES, CSV, PARQUET):
        raise UsageError(f"--output must end in {JSON_LINES}, {CSV} or {PARQUET}. Received: {output}")
    if output.suffix == PARQUET:
        import pyarrow.parquet  # noqa: F401
    for source, written in product(arguments.sources, filter(None, (output, report))):
        with suppress(OSError):  # one of the two does not exist
            if os.path.samefile(source, written):
                raise UsageError(f"{written}: this is one of the sources ({source}); write to another file")
    if report:
        if report.suffix != ".html" or report.is_dir():
            raise UsageError(f"--report must be a file that ends in .html. Received: {report}")
        import jinja2  # noqa: F401

        report.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=report.parent).close()


def _begin(arguments: Namespace, journal: Journal, statistics: RunStatistics, stop: Event) -> Iterator[Input]:
    """Return the inputs without a row. The rows so far are counted, and rows can be appended to the journal."""
    inputs = find_inputs(arguments.sources, arguments.column, arguments.null, arguments.max_pixels)
    if not (arguments.resume and journal.config_path.exists()):
        journal.begin(overwrite=arguments.overwrite)
        return inputs
    started_s = journal.require_same_config()
    for row in journal.read(recover=True):
        item = next(inputs, None)
        if item is None or item.path != row.path:
            found = f"there was {row.path!a}, now there is {item.path!a}" if item else f"{row.path!a} is gone"
            raise UsageError(f"{journal.output}: the inputs have changed ({found}); --overwrite to start anew")
        if not _is_unchanged(row, item, started_s, arguments.max_pixels):
            raise UsageError(f"{journal.output}: {row.path!a} has changed; put it back, or --overwrite to start anew")
        statistics.add(row)
        if stop.is_set():
            break
    if statistics.rows and not arguments.quiet:
        print(f"eyespot: {statistics.rows:,} rows are there, going on", file=sys.stderr)
    return inputs


def _is_unchanged(row: Row, item: Input, started_s: float, max_pixels: int) -> bool:
    """Whether an input is the one of a row: of the same size, and of the same digest if it was changed since."""
    if item.encoded is None and not item.error:
        with suppress(OSError, ValueError):
            status = os.stat(item.path)
            if max(status.st_mtime, status.st_ctime) < started_s - CLOCK_MARGIN_S and row.size_bytes is not None:
                return status.st_size == row.size_bytes
        item = read_file(item.path, max_pixels)
    if row.sha256 or item.sha256:
        return row.sha256 == item.sha256
    return bool(row.error and item.error and row.error.code == item.error.code)


def _rows(
    arguments: Namespace, classifier: Classifier, config: RunConfig, inputs: Iterator[Input], stop: Event
) -> Iterator[Row | None]:
    if arguments.engine == "ray":
        with explaining_imports("eyespot batch --engine ray", "ray"):
            from edge.batch.ray_engine import compute_on_ray
        return compute_on_ray(arguments, config, inputs, stop)
    compute, threads = partial(compute_row, classifier=classifier, config=config), arguments.threads or usable_cores()
    return ordered_map(compute, inputs, threads, stop, lambda item: len(item.encoded or b""))


def _append(arguments: Namespace, journal: Journal, statistics: RunStatistics, rows: Iterator[Row | None]) -> None:
    """Append the rows to the journal as they come, and show the progress, until too many have failed."""
    statistics.start_clock()
    quiet = arguments.quiet or None  # None: no bar where standard error is no terminal
    with tqdm(initial=statistics.rows, unit=" inputs", leave=False, dynamic_ncols=True, disable=quiet) as bar:
        for row in rows:
            if row is None:
                journal.sync(SYNC_EVERY_S)
                continue
            journal.append(row)
            statistics.add(row)
            if row.error:
                bar.set_postfix_str(f"{statistics.failed:,} failed", refresh=False)
                if statistics.too_many_failed(arguments.max_failures):
                    break
            bar.update()
        journal.sync()
