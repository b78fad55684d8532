"""Say what is on images.

IMAGE is a file, a folder (all images below it), a glob, or - for one image on standard input. A table goes
to standard output, what failed to standard error. A model of faces or glyphs answers for each that it finds; a
picture that holds none is an answer as well, not a failure. Exit status: 0 all classified, 1 some failed, 2 nothing
could be done.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from edge.arguments import add_classifier_options, add_threads_option, load_classifier, positive
from edge.classifier import Classifier
from edge.cli import DONE, NOTHING_DONE, SOME_FAILED
from edge.errors import ImageError, UsageError
from edge.image import MAX_PIXELS, DecodedImage, decode_image, most_bytes, read_image
from edge.result import NOT_THERE, Classification, Prediction, answer_fields, printable
from edge.sources import STANDARD_INPUT, Source, expand_sources

if TYPE_CHECKING:
    from edge.regions.drawing import AnnotatedCopies

CHUNK_BYTES = 1 << 20

Answer = tuple[str, Classification | None, ImageError | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot classify` takes."""
    add_classifier_options(parser)
    add_threads_option(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="file, folder, glob or -")
    parser.add_argument("--top", type=positive, default=3, metavar="N", help="predictions per image (default 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--draw", metavar="DIR", help="write annotated copies of the images into this folder")
    limit = f"refuse larger images from their header (default {MAX_PIXELS:,})"
    parser.add_argument("--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=limit)


def run(arguments: argparse.Namespace) -> int:
    """Classify every image and return the exit status."""
    if arguments.images.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input (-) holds one image; name it once")
    classifier = load_classifier(arguments)
    sources = list(expand_sources(arguments.images))
    copies = None
    if arguments.draw:
        from edge.regions.drawing import AnnotatedCopies  # only who draws pays for it

        copies = AnnotatedCopies(arguments.draw, (source.path for source in sources))
    write = write_json if arguments.json else table_writer(sources, classifier.spec.labels)
    codes = []
    for path, classification, error in classify_sources(
        classifier, sources, arguments.top, arguments.max_pixels, copies
    ):
        write(path, classification, error)
        codes.append(error.code if error else None)
    return exit_status(codes)


def exit_status(codes: Collection[str | None]) -> int:
    """Return the status for the error codes of all inputs, None for those that were classified."""
    if all(code in NOT_THERE for code in codes):
        return NOTHING_DONE
    return SOME_FAILED if any(codes) else DONE


def classify_sources(
    classifier: Classifier,
    sources: Iterable[Source],
    top_k: int,
    max_pixels: int,
    copies: "AnnotatedCopies | None" = None,
) -> Iterator[Answer]:
    """Yield the path of each source with its classification or its error, in order; `copies` are drawn first."""
    for source in sources:
        try:
            if source.error:
                raise source.error
            image = _read_source(source.path, max_pixels)
            classification = classifier.classify(image, top_k, max_pixels)
        except ImageError as error:
            yield source.path, None, error
            continue
        if copies:
            copies.write(source.path, image.pixels, classification)
        yield source.path, classification, None


def _read_source(path: str, max_pixels: int) -> DecodedImage:
    if path == STANDARD_INPUT:
        return decode_image(_read_standard_input(max_pixels), max_pixels)
    return read_image(path, max_pixels)


def _read_standard_input(max_pixels: int) -> bytes:
    limit = most_bytes(max_pixels)
    if sys.stdin is None:
        raise ImageError("unreadable", "standard input is closed")
    encoded = BytesIO()  # in pieces, since to read up to a limit takes memory for all of it at once
    while chunk := sys.stdin.buffer.read(CHUNK_BYTES):
        encoded.write(chunk)
        if encoded.tell() > limit:
            raise ImageError("too_many_bytes", f"standard input holds more than {limit:,} bytes")
    return encoded.getvalue()


def write_json(path: str, classification: Classification | None, error: ImageError | None) -> None:
    """Print one answer as one JSON object on a line."""
    print(json.dumps(answer_fields(path, classification, error)), flush=True)


def table_writer(
    sources: Iterable[Source], labels: tuple[str, ...]
) -> Callable[[str, Classification | None, ImageError | None], None]:
    """Return a function that prints one answer as a line, aligned with all others; errors to standard error."""
    path_width = max((len(printable(source.path)) for source in sources if not source.error), default=0)
    label_width = max(map(len, labels))

    def write(path: str, classification: Classification | None, error: ImageError | None) -> None:
        if error:
            sys.stdout.flush()
            print(f"eyespot: {printable(path)}: {error.code}: {error}", file=sys.stderr)
        if classification:
            cells = "   ".join(_cells(classification, label_width))
            print(f"{printable(path):<{path_width}}   {cells}")

    return write


def _cells(classification: Classification, label_width: int) -> Iterator[str]:
    """Yield what a line says of one image: its text, its predictions or those of its regions, and notes."""
    if classification.text is not None:
        yield classification.text
    for prediction in classification.predictions:
        yield _cell(prediction, label_width)
    for region in classification.regions or ():
        box = region.box
        place = "" if classification.text is not None else f" at {box.x},{box.y} {box.width}x{box.height}"
        unsure = " unsure" if region.unsure else ""
        yield _cell(region.predictions[0], label_width) + place + unsure
    if classification.unsure:
        yield "unsure"
    if classification.note:
        yield f"({classification.note})"


def _cell(prediction: Prediction, label_width: int) -> str:
    return f"{prediction.label:<{label_width}} {prediction.probability:>7.2%}"
