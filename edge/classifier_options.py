"""The options by which several subcommands load a classifier, in one place so that they mean the same."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from edge.arguments import positive
from edge.cache import cache_folder
from edge.classifier import Classifier
from edge.errors import UsageError
from edge.spec import Faces, Glyphs


def add_classifier_options(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and how its answers are made."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file written by 'eyespot export'")
    parser.add_argument(
        "--min-probability",
        type=_probability,
        default=0.0,
        metavar="P",
        help="say unsure below this probability, 0 to 1, or below the model's own threshold if that is higher",
    )
    parser.add_argument(
        "--regions",
        type=parse_regions,
        metavar="WHAT",
        help="look for 'faces' or 'glyphs:COUNT', or 'none' for the whole picture (default: as the model says)",
    )
    parser.add_argument(
        "--face-model", metavar="FILE", help="find faces with this YuNet .onnx, not with OpenCV's cascade"
    )
    parser.add_argument(
        "--untuned", action="store_true", help="take MODEL as it is, whatever 'eyespot tune' remembers of it"
    )


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Declare --threads of those who look at one image at a time."""
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="that work on one image (default: as 'eyespot tune' found best here, or as onnxruntime chooses)",
    )


def load_classifier(arguments: argparse.Namespace) -> Classifier:
    """Return the classifier for one image at a time; see `Classifier.load` for what is raised.

    Where no --threads are given, it is the one that `eyespot tune` found best here.
    """
    return _load(arguments, arguments.threads or 0, many=False)[0]


def load_for_many(arguments: argparse.Namespace) -> tuple[Classifier, Path]:
    """Return the same for many images at once, one thread to each, and the file that it is in."""
    return _load(arguments, 1, many=True)


def _load(arguments: argparse.Namespace, threads: int, *, many: bool) -> tuple[Classifier, Path]:
    model = Path(arguments.model)
    options: dict[str, Any] = {
        "min_probability": arguments.min_probability,
        "regions": arguments.regions,
        "face_model": arguments.face_model,
    }
    if arguments.threads is None and not arguments.untuned and _anything_tuned():
        from edge.tune.load import load_tuned  # who never tuned does not pay for it

        say = _say_nothing if getattr(arguments, "quiet", False) else _say
        if tuned := load_tuned(model, say, many=many, **options):
            return tuned
    return Classifier.load(arguments.model, threads, many=many, **options), model


def _anything_tuned() -> bool:
    with suppress(UsageError):  # without a home nothing can have been remembered
        return (cache_folder() / "tuned").is_dir()
    return False


def _say(line: str) -> None:
    print(f"eyespot: {line}", file=sys.stderr, flush=True)


def _say_nothing(line: str) -> None:
    pass


def parse_regions(text: str) -> Faces | Glyphs | Literal["none"]:
    """Return the regions that `text` says, for argparse."""
    kind, separator, count = text.partition(":")
    if text == "none":
        return "none"
    if text == Faces.kind:
        return Faces()
    if kind == Glyphs.kind and separator and count.isascii() and count.isdecimal() and 0 < int(count[:9]) < 1000:
        return Glyphs(int(count))
    raise argparse.ArgumentTypeError(f"must be none, faces or glyphs:COUNT, as in glyphs:4. Received: {text!r}")


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be 0 to 1. Received: {text}")
    return value
