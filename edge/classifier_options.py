"""The options by which several subcommands load a classifier, in one place so that they mean the same."""

import argparse
from typing import Literal

from edge.classifier import Classifier
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


def load_classifier(arguments: argparse.Namespace, threads: int = 0) -> Classifier:
    """Return the classifier that the arguments name; see `Classifier.load` for `threads` and for what is raised."""
    return Classifier.load(
        arguments.model,
        threads,
        min_probability=arguments.min_probability,
        regions=arguments.regions,
        face_model=arguments.face_model,
    )


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
