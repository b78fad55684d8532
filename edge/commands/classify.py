"""Classify images.

IMAGE is a file, a folder (all images below it), a glob, or - for one image on standard input. A table goes
to standard output, errors to standard error. A model of faces or glyphs answers for each that it finds; a
picture without any is an answer too. Exit status: 0 all classified, 1 some failed, 2 nothing could be done.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from io import BytesIO

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED, add_classifier_options, load_classifier, positive
from edge.errors import ImageError, UsageError
from edge.image import MAX_PIXELS, DecodedImage, decode_image, most_bytes, read_image
from edge.result import DEFAULT_TOP_K, NOT_THERE, Classification, Prediction, answer_fields, printable
from edge.sources import STANDARD_INPUT, expand_sources

CHUNK_BYTES = 1 << 20
# The table is aligned up to labels of this length; those of ImageNet reach 121.
LONGEST_ALIGNED = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot classify` takes."""
    add_classifier_options(parser)
    add = parser.add_argument
    add("--threads", type=positive, metavar="N", help="on one image (default: as onnxruntime chooses)")
    add("images", metavar="IMAGE", nargs="+", help="file, folder, glob or -")
    add("--top-k", type=positive, default=DEFAULT_TOP_K, metavar="K", help=f"predictions (default {DEFAULT_TOP_K})")
    add("--json", action="store_true", help="one JSON object a line")
    add("--draw", metavar="DIR", help="write annotated copies of the images into this folder")
    limit = f"refuse images with more pixels (default {MAX_PIXELS:,})"
    add("--max-pixels", type=positive, default=MAX_PIXELS, metavar="N", help=limit)


def run(arguments: argparse.Namespace) -> int:
    """Classify every image and return the exit status."""
    if arguments.images.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input (-) holds one image; name it once")
    classifier = load_classifier(arguments)
    sources, copies = list(expand_sources(arguments.images)), None
    if arguments.draw:
        from edge.regions.drawing import AnnotatedCopies

        copies = AnnotatedCopies(arguments.draw, (source.path for source in sources))
    path_width = max((len(printable(source.path)) for source in sources if not source.error), default=0)
    label_width = min(max(map(len, classifier.labels)), LONGEST_ALIGNED)
    codes: list[str | None] = []
    for source in sources:
        answer, error = None, source.error
        try:
            if not error:
                image = _read(source.path, arguments.max_pixels)
                answer = classifier.classify(image, arguments.top_k, arguments.max_pixels)
                if copies:
                    copies.write(source.path, image.pixels, answer)
        except ImageError as reason:
            error = reason
        if arguments.json:
            print(json.dumps(answer_fields(source.path, answer, error)), flush=True)
        elif answer:
            cells = "   ".join(_cells(answer, label_width))
            print(f"{printable(source.path):<{path_width}}   {cells}".rstrip())
        elif error:
            sys.stdout.flush()
            print(f"eyespot: {printable(source.path)}: {error.code}: {error}", file=sys.stderr)
        codes.append(error.code if error else None)
    if all(code in NOT_THERE for code in codes):
        return NOTHING_DONE
    return SOME_FAILED if any(codes) else DONE


def _read(path: str, max_pixels: int) -> DecodedImage:
    if path != STANDARD_INPUT:
        return read_image(path, max_pixels)
    if sys.stdin is None:
        raise ImageError("unreadable", "standard input is closed")
    limit, encoded = most_bytes(max_pixels), BytesIO()
    while encoded.tell() <= limit and (chunk := sys.stdin.buffer.read(CHUNK_BYTES)):  # not at once: it would allocate
        encoded.write(chunk)
    return decode_image(encoded.getvalue(), max_pixels)  # refuses what is past the limit


def _cells(answer: Classification, label_width: int) -> Iterator[str]:
    """Yield the cells of a line: the text, the predictions or those of the regions, and the note."""

    def cell(prediction: Prediction) -> str:
        return f"{prediction.label:<{label_width}} {prediction.probability:>7.2%}"

    if answer.text is not None:
        yield answer.text
    yield from map(cell, answer.predictions)
    for region in answer.regions or ():
        box = region.box
        place = "" if answer.text is not None else f" at {box.x},{box.y} {box.width}x{box.height}"
        yield cell(region.predictions[0]) + place + " unsure" * region.unsure
    if answer.unsure:
        yield "unsure"
    if answer.note:
        yield f"({answer.note})"
