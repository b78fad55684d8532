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
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import cv2

from edge.arguments import positive
from edge.artifact import read_spec
from edge.batch.inputs import Input, Selection
from edge.batch.ledger import Ledger
from edge.batch.max_failures import MaxFailures, parse_max_failures
from edge.batch.order import Order, order_path, read_order
from edge.batch.outputs import require_format
from edge.batch.packed import PackedClassifier
from edge.batch.places import require_apart, require_report
from edge.batch.row import Row
from edge.batch.run import Engine, Run
from edge.batch.work import Work
from edge.classifier import Classifier
from edge.classifier_options import add_classifier_options, load_for_many
from edge.cores import usable_cores
from edge.decode import MAX_PIXELS
from edge.errors import MissingExtraError, UsageError
from edge.fast_decode import require_reducible
from edge.ordered_map import OrderedMap
from edge.signals import stopping_or_leaving_on_signals

THREADS, RAY = "threads", "ray"


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
    add("--max-failures", type=_max_failures, default=MaxFailures(), metavar="N|P%", help="stop when more have failed")
    add("--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=f"of an image (default {MAX_PIXELS:,})")
    add("--fast-decode", action="store_true", help="let the JPEG decoder shrink large images; see the README")
    add("--column", default="path", metavar="NAME", help="where a CSV list has its paths (default path)")
    add("--null", action="store_true", help="paths in lists end with NUL, as 'find -print0' writes them")
    add("--threads", type=positive, default=None, metavar="N", help="images under way at once (default: all cores)")
    add("--quiet", action="store_true", help="no progress and no totals on standard error")
    add("--summary", action="store_true", help="print classes, failures, speed and latencies at the end")
    add("--report", type=Path, metavar="FILE.html", help="the summary with pictures of each class, as one page")
    add("--engine", choices=(THREADS, RAY), default=THREADS, help="ray: the same through Ray Data")
    add("--ray-address", metavar="ADDRESS", help="of a cluster that sees the same files (default: this machine)")


def _max_failures(text: str) -> MaxFailures:
    try:
        return parse_max_failures(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or a share such as 2%. Received: {text}") from None


def run(arguments: argparse.Namespace) -> int:
    """Classify every input and return the exit status."""
    _require_places(arguments)
    if arguments.ray_address and arguments.engine != RAY:
        raise UsageError("--ray-address is for --engine ray")
    arguments.untuned |= arguments.resume and _began_untuned(arguments)
    classifier, model = load_for_many(arguments)
    if arguments.fast_decode and classifier.regions:
        raise UsageError("--fast-decode is for whole pictures: regions are found, and cut out, at the full size")
    if arguments.fast_decode:
        require_reducible(classifier.spec.preprocessing[0])
    order = _order(arguments, classifier)
    work = Work(classifier, order.top, order.max_pixels, order.fast_decode)
    job = Run(
        order=order,
        selection=Selection(order.sources, order.column, order.null, order.max_pixels),
        engine=_engine(arguments, work, model),
        max_failures=arguments.max_failures,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        quiet=arguments.quiet,
        summary=arguments.summary,
        report=arguments.report,
    )
    with stopping_or_leaving_on_signals() as stop, Ledger(arguments.output) as ledger:
        return job(ledger, stop)


def _require_places(arguments: argparse.Namespace) -> None:
    require_format(arguments.output)
    require_apart(arguments.sources, arguments.output)
    if arguments.report:
        require_report(arguments.report, arguments.output)
        require_apart(arguments.sources, arguments.report)


def _began_untuned(arguments: argparse.Namespace) -> bool:
    """Whether the rows that are there are of MODEL itself; what was tuned since is for the next run."""
    path = order_path(arguments.output)
    return path.exists() and read_order(path).version == read_spec(Path(arguments.model)).version


def _order(arguments: argparse.Namespace, classifier: Classifier) -> Order:
    spec, face_model = classifier.spec, arguments.face_model
    return Order(
        model=spec.name,
        version=spec.version or "",
        sources=tuple(arguments.sources),
        column=arguments.column,
        null=arguments.null,
        top=min(arguments.top, len(spec.labels)),
        max_pixels=arguments.max_pixels,
        fast_decode=arguments.fast_decode,
        min_probability=arguments.min_probability,
        regions=classifier.regions,
        face_model=None if face_model is None else hashlib.sha256(Path(face_model).read_bytes()).hexdigest(),
        begun_s=time.time(),
    )


def _engine(arguments: argparse.Namespace, work: Work, model: Path) -> Engine:
    threads = arguments.threads or usable_cores()
    if arguments.engine == RAY:
        try:
            from edge.batch.ray_engine import RayEngine
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"--engine ray needs the package {error.name}; install it with: pip install 'eyespot[ray]'"
            ) from None
        return RayEngine(_packed(arguments, work.classifier, model), work, threads, arguments.ray_address)
    cv2.setNumThreads(1)  # the images themselves keep the cores busy
    together = work.classifier.most_together

    def in_threads(inputs: Iterator[Input], stop: Event) -> Iterator[Row | None]:
        return iter(OrderedMap(work, inputs, threads, stop, lambda item: item.held_bytes, together=together))

    return in_threads


def _packed(arguments: argparse.Namespace, classifier: Classifier, model: Path) -> PackedClassifier:
    face_model = arguments.face_model
    return PackedClassifier(
        model=model.read_bytes(),
        version=classifier.spec.version,
        min_probability=arguments.min_probability,
        regions=classifier.regions,
        face_model=None if face_model is None else Path(face_model).read_bytes(),
    )
