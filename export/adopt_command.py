"""Turn a plain ONNX classifier into an artifact: preprocessing, labels and proof are put into the file.

PLAIN may come from PyTorch, scikit-learn's converter or anywhere: pictures (channels first or last), or rows of
numbers, go in, and one row of classes comes out. Logits get a softmax. What was written is compared with PLAIN itself,
on arrays preprocessed the same way. With --images DIR, in which each label has its folder, the file also says how good
it is. Exit status: 0 written; 2 nothing was written.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from edge.errors import UsageError
from export.arguments import (
    add_model_arguments,
    add_variant_arguments,
    export_described,
    model_inputs,
    report,
    resolve_output,
    variant_suffix,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot adopt` takes."""
    parser.add_argument("model", metavar="PLAIN", type=Path, help="an .onnx file that is no artifact yet")
    parser.add_argument(
        "--output", metavar="FILE", help="the .onnx file to write (default: PLAIN's name-eyespot.onnx, -int8, -fp16)"
    )
    add_model_arguments(parser)
    add_variant_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Adopt, print what was proven and return the exit status."""
    path: Path = arguments.model
    if path.suffix in (".keras", ".h5", ".hdf5") or path.is_dir():
        raise UsageError(f"{path}: 'eyespot adopt' takes .onnx files; this is for 'eyespot export'")
    suffix = variant_suffix(arguments) or "-eyespot"
    output = resolve_output(arguments.output, f"{path.stem}{suffix}.onnx", *model_inputs(arguments))
    report(export_described(arguments, output, output.stem if arguments.output else path.stem), output)
    return DONE
