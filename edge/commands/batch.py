"""Classify any number of images into a file: one row for each input, in order, whatever happens.

SOURCE is an image, a folder (all images below it), a glob, a list of paths (.txt, .lst, or .csv with a column of
them), an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz), or - for a list of paths on standard input. Lists name one
file a line, relative to the current directory.

Rows are on the disk while the run goes on, in FILE.partial; a run that was cut off, even by a power failure, goes on
with --resume. Ctrl-C finishes the images in hand. Exit status: 0 all classified, 1 some failed, 2 nothing could be
done or too many failed, 130 interrupted.
"""

import argparse
import hashlib
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import product, takewhile
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

from edge.arguments import add_classifier_options, count_or_share, positive
from edge.batch.inputs import ARCHIVE_SUFFIXES, Input, find_inputs, held_bytes, read_file
from edge.batch.journal import SYNC_EVERY_S, Journal, require_format
from edge.batch.rows import Row, RunConfig, compute_row
from edge.batch.statistics import RunStatistics
from edge.classifier import Classifier
from edge.cli import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED, explaining_imports, stopping_on_signals
from edge.errors import EyespotError, UsageError
from edge.image import MAX_PIXELS
from edge.result import NOT_THERE
from edge.runtime import ordered_map, usable_cores
from edge.steps import require_shrinkable

# A file last touched this long before the run began has not changed since; clocks of file servers differ by less.
CLOCK_MARGIN_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot batch` takes."""
    add_classifier_options(parser)
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help="image, folder, glob, list, archive or -")
    add("--output", required=True, type=Path, metavar="FILE", help="ends in .jsonl, .csv or .parquet")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with a run that was cut off, or begin it")
    again.add_argument("--overwrite", action="store_true", help="begin anew, whatever is there")
    add("--top", type=positive, default=3, metavar="N", help="predictions per image or region (default 3)")
    add("--max-failures", type=count_or_share, metavar="N|P%", help="stop when more have failed")
    add("--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=f"of an image (default {MAX_PIXELS:,})")
    add("--fast-decode", action="store_true", help="let the JPEG decoder shrink large images; see the README")
    add("--column", default="path", metavar="NAME", help="where a CSV list has its paths (default path)")
    add("--null", action="store_true", help="paths in lists end with NUL, as 'find -print0' writes them")
    add("--threads", type=positive, default=None, metavar="N", help="images under way at once (default: all cores)")
    add("--quiet", action="store_true", help="no progress and no totals on standard error")
    add("--summary", action="store_true", help="print classes, failures and speed at the end")
    add("--labels-from-folders", action="store_true", help="a folder's name is the true label: add accuracy, confusion")
    add(
        "--report", type=Path, metavar="FILE.html", help="the summary, failures and pictures of each class, as one page"
    )
    add("--engine", choices=("threads", "ray"), default="threads", help="ray: the same through Ray Data")
    add("--ray-address", metavar="ADDRESS", help="of a cluster that sees the same files (default: this machine)")


def run(arguments: Namespace) -> int:
    """Classify every input and return the exit status."""
    _require_places(arguments)
    options = {"regions": arguments.regions, "face_model": arguments.face_model}
    classifier = Classifier.load(arguments.model, 1, min_probability=arguments.min_probability, **options)
    if classifier.regions and (arguments.fast_decode or arguments.labels_from_folders):
        raise UsageError("--fast-decode and --labels-from-folders are for whole pictures, as --regions none takes them")
    if arguments.fast_decode:
        require_shrinkable(classifier.spec.preprocessing[0])
    if arguments.ray_address and arguments.engine != "ray":
        raise UsageError("--ray-address is for --engine ray")
    config = _run_config(arguments, classifier)
    statistics = RunStatistics(classifier.spec.labels if arguments.labels_from_folders else ())
    with stopping_on_signals(leave=True) as stop, Journal(arguments.output, config) as journal:
        if arguments.resume and journal.is_whole:
            for row in journal.read():
                statistics.add(row)
            statistics.start_clock()
        else:
            inputs = _begin(arguments, journal, statistics, stop)
            if not stop.is_set():  # in the middle of rows that are there, none can be added
                if arguments.engine == "ray":
                    with explaining_imports("eyespot batch --engine ray", "ray"):
                        from edge.batch.ray_engine import compute_on_ray
                    rows: Iterator[Row | None] = compute_on_ray(arguments, config, inputs, stop)
                else:
                    compute, threads = partial(compute_row, classifier=classifier, config=config), arguments.threads
                    rows = ordered_map(compute, inputs, threads or usable_cores(), stop, held_bytes)
                _append(arguments, journal, statistics, rows)
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
        journal.write_output()  # after the page, which without the journal could not be written again
    if arguments.summary:
        print(statistics.as_text(), flush=True)
    if not arguments.quiet:
        print(f"eyespot: {arguments.output}: {statistics.totals()}", file=sys.stderr)
    nothing_was_there = sum(statistics.codes[code] for code in NOT_THERE) == statistics.rows
    if nothing_was_there or statistics.too_many_failed(arguments.max_failures, at_end=True):
        return NOTHING_DONE
    return SOME_FAILED if statistics.failed else DONE


def _run_config(arguments: Namespace, classifier: Classifier) -> RunConfig:
    spec, face_model = classifier.spec, arguments.face_model
    same = ("column", "null", "max_pixels", "fast_decode", "min_probability")
    return RunConfig(
        model=spec.name,
        version=spec.version or "",
        sources=tuple(arguments.sources),
        top_k=min(arguments.top, len(spec.labels)),
        regions=classifier.regions,
        face_model=hashlib.sha256(Path(face_model).read_bytes()).hexdigest() if face_model else None,
        started_s=time.time(),
        **{name: getattr(arguments, name) for name in same},
    )


def _require_places(arguments: Namespace) -> None:
    """Raise UsageError unless output and report can be written and harm no input: now, and not after the night."""
    output, report = arguments.output, arguments.report
    require_format(output)
    for source, written in product(arguments.sources, filter(None, (output, report))):
        with suppress(OSError):  # one of the two is not there
            if os.path.samefile(source, written):
                raise UsageError(f"{written}: this is one of the sources ({source}); write to another file")
    if report:
        if report.suffix != ".html" or report.is_dir():
            raise UsageError(f"--report must be a file that ends in .html. Received: {report}")
        import jinja2  # noqa: F401

        report.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=report.parent).close()


def _begin(arguments: Namespace, journal: Journal, statistics: RunStatistics, stop: Event) -> Iterator[Input]:
    """Return the inputs that have no row yet; the journal is ready for theirs, and the rows that it has are counted."""
    inputs = find_inputs(arguments.sources, arguments.column, arguments.null, arguments.max_pixels)
    if not (arguments.resume and journal.config_path.exists()):
        journal.begin(overwrite=arguments.overwrite)
        return inputs
    started_s = journal.config.require_same(journal.config_path)
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
    """Whether an input is what a row was made of: of the same size, and of the same digest if touched since."""
    if item.encoded is None and not item.error:
        with suppress(OSError, ValueError):
            status = os.stat(item.path)
            if max(status.st_mtime, status.st_ctime) < started_s - CLOCK_MARGIN_S and row.size_bytes is not None:
                return status.st_size == row.size_bytes
        item = read_file(item.path, max_pixels)
    if row.sha256 or item.sha256:
        return row.sha256 == item.sha256
    return bool(row.error and item.error and row.error.code == item.error.code)


def _append(arguments: Namespace, journal: Journal, statistics: RunStatistics, rows: Iterator[Row | None]) -> None:
    """Append the rows to the journal as they come, and show how far it is, until too many have failed."""
    statistics.start_clock()
    quiet = arguments.quiet or None  # None: there is no bar where standard error is no terminal
    with tqdm(initial=statistics.rows, unit=" inputs", leave=False, dynamic_ncols=True, disable=quiet) as bar:
        # A pipe, an archive or a glob takes too long to be read twice for a number.
        slow = (name == "-" or name.lower().endswith(ARCHIVE_SUFFIXES) or "*" in name for name in arguments.sources)
        if not bar.disable and not any(slow):
            Thread(target=_count, args=(arguments, bar), name="eyespot-count", daemon=True).start()
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


def _count(arguments: Namespace, bar: "tqdm[Any]") -> None:
    """Count the inputs by a second walk beside the work, so that the bar can say how long it still takes."""
    inputs = find_inputs(arguments.sources, arguments.column, arguments.null, arguments.max_pixels)
    with suppress(EyespotError):  # the work meets the same, and says so
        bar.total = sum(1 for _ in takewhile(lambda _: not bar.disable, inputs))  # disabled once it is closed
