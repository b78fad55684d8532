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
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event

from edge.arguments import add_classifier_options, positive
from edge.batch.inputs import Input
from edge.batch.journal import Journal, paths_beside
from edge.batch.outputs import require_format, write_output
from edge.batch.report import load_template, write_report
from edge.batch.rows import Row, compute_row
from edge.batch.run import compute, resume
from edge.batch.run_config import RunConfig
from edge.batch.sources import find_inputs
from edge.batch.statistics import RunStatistics
from edge.classifier import Classifier
from edge.cli import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED, explaining_imports, stopping_or_leaving_on_signals
from edge.errors import UsageError
from edge.image import MAX_PIXELS, prefer_opencv, require_shrinkable
from edge.runtime import ordered_map, usable_cores

Engine = Callable[[Iterator[Input], Event], Iterator[Row | None]]


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
    add("--max-failures", type=_max_failures, metavar="N|P%", help="stop when more have failed")
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


def _max_failures(text: str) -> float:
    """Return the number that `10` says as an integer, the share that `2.5%` says as a float."""
    try:
        most = float(text.removesuffix("%")) / 100 if text.endswith("%") else int(text)
    except ValueError:
        most = -1
    if not 0 <= most <= (1 if text.endswith("%") else sys.maxsize):
        raise argparse.ArgumentTypeError(f"must be a number or a share such as 2%. Received: {text}")
    return most


def run(arguments: argparse.Namespace) -> int:
    """Classify every input and return the exit status."""
    _require_places(arguments)
    options = {"regions": arguments.regions, "face_model": arguments.face_model}
    classifier = Classifier.load(arguments.model, 1, min_probability=arguments.min_probability, **options)
    if classifier.regions and (arguments.fast_decode or arguments.labels_from_folders):
        raise UsageError("--fast-decode and --labels-from-folders are for whole pictures; --regions none takes them so")
    if arguments.fast_decode:
        require_shrinkable(classifier.spec.preprocessing[0])
    config = _run_config(arguments, classifier)
    statistics = RunStatistics(classifier.spec.labels if arguments.labels_from_folders else ())
    engine = _engine(arguments, config, classifier)

    def say(message: str, always: bool = False) -> None:
        if always or not arguments.quiet:
            print(f"eyespot: {message}", file=sys.stderr, flush=True)

    with stopping_or_leaving_on_signals() as stop, Journal(arguments.output) as journal:
        if arguments.resume and journal.is_whole:
            for row in journal.read():
                statistics.add(row)
        else:
            if arguments.resume and journal.config_path.exists():
                inputs = resume(journal, config, statistics, stop)
                say(f"{statistics.rows:,} rows are there, going on")
            else:
                journal.clear(overwrite=arguments.overwrite)
                config.write(journal.config_path)
                inputs = find_inputs(config)
            if not stop.is_set():  # in the middle of rows that are there, none can be added
                rows = engine(inputs, stop)
                compute(journal, config, rows, statistics, arguments.max_failures, arguments.quiet)
            goes_on = f"the rows are in {journal.path}, and the same command with --resume goes on"
            if stop.is_set():
                say(f"stopped after {statistics.totals()}; {goes_on}", always=True)
                return INTERRUPTED
            if statistics.too_many_failed(arguments.max_failures):
                say(f"more than --max-failures have failed ({statistics.totals()}); {goes_on}", always=True)
                return NOTHING_DONE
        if arguments.report:
            with journal.keeping_rows(arguments.report):
                write_report(arguments.report, config, journal.read(), statistics)
        write_output(journal, config)  # after the page, which without the journal could not be written again
    if arguments.summary:
        print(statistics.as_text(), flush=True)
    say(f"{arguments.output}: {statistics.totals()}")
    if statistics.nothing_was_there or statistics.too_many_failed(arguments.max_failures, at_end=True):
        return NOTHING_DONE
    return SOME_FAILED if statistics.failed else DONE


def _require_places(arguments: argparse.Namespace) -> None:
    """Raise UsageError, before the night and not after it, unless output and report can be written and harm no input."""
    output, report = arguments.output, arguments.report
    require_format(output)
    if report:
        if report.suffix != ".html" or report.is_dir():
            raise UsageError(f"--report must be a file that ends in .html. Received: {report}")
        if os.path.realpath(report) in map(os.path.realpath, (output, *paths_beside(output))):
            raise UsageError(f"--report {report}: the run writes its rows there; name another file")
        load_template()
        try:
            report.parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=report.parent).close()
        except OSError as error:
            raise UsageError(f"--report {report}: no page can be written there ({error.strerror})") from None
    for source in arguments.sources:
        for written in filter(None, (output, report)):
            with suppress(OSError, ValueError):  # one of the two is not there, or can be no path
                if os.path.samefile(source, written):
                    raise UsageError(f"{written}: this is one of the sources ({source}); write to another file")


def _run_config(arguments: argparse.Namespace, classifier: Classifier) -> RunConfig:
    spec, face_model = classifier.spec, arguments.face_model
    return RunConfig(
        model=spec.name,
        version=spec.version or "",
        sources=tuple(arguments.sources),
        column=arguments.column,
        null=arguments.null,
        top_k=min(arguments.top, len(spec.labels)),
        max_pixels=arguments.max_pixels,
        fast_decode=arguments.fast_decode,
        min_probability=arguments.min_probability,
        regions=classifier.regions,
        face_model=None if face_model is None else hashlib.sha256(Path(face_model).read_bytes()).hexdigest(),
        started_s=time.time(),
    )


def _engine(arguments: argparse.Namespace, config: RunConfig, classifier: Classifier) -> Engine:
    """Return what turns inputs into rows, in order; None for nothing yet. Once the event is set it begins no other."""
    threads = arguments.threads or usable_cores()
    if arguments.engine == "ray":
        with explaining_imports("--engine ray", "ray"):
            from edge.batch.ray_engine import RayEngine

            return RayEngine(arguments.model, arguments.face_model, config, threads, arguments.ray_address)
    if arguments.ray_address:
        raise UsageError("--ray-address is for --engine ray")
    prefer_opencv()
    work = partial(compute_row, classifier=classifier, config=config)
    return lambda inputs, stop: ordered_map(work, inputs, threads, stop, lambda item: item.held_bytes)
