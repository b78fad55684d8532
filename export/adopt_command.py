"""Turn a plain ONNX classifier into an artifact: preprocessing, labels and a parity certificate are put into the file.

PLAIN may come from PyTorch, scikit-learn's converter or anywhere: pictures (channels first or last), or rows of
numbers, go in, and one row of classes comes out. Logits get a softmax. What was written is compared with PLAIN itself,
on arrays preprocessed the same way. With --images DIR, in which each label has its folder, the file also says how good
it is. Exit status: 0 written; 2 nothing was written.
"""

import argparse
from pathlib import Path

from edge.arguments import DONE
from edge.errors import UsageError
from export.arguments import add_description, add_options, export_described, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot adopt` takes."""
    parser.add_argument("model", metavar="PLAIN", type=Path, help="an .onnx file that is no artifact yet")
    output = "the .onnx file to write (default: PLAIN's name-eyespot.onnx, -int8, -fp16)"
    parser.add_argument("--output", metavar="FILE", help=output)
    add_description(parser)
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Adopt, print what was written and return the exit status."""
    from export.sources.source import KERAS_SUFFIXES  # it needs onnx

    path: Path = arguments.model
    if path.suffix in KERAS_SUFFIXES or path.is_dir():
        raise UsageError(f"{path}: 'eyespot adopt' takes .onnx files; this is for 'eyespot export {path}'")
    exported, output = export_described(arguments, path.stem, f"-{arguments.variant or 'eyespot'}")
    report(exported, output)
    return DONE
