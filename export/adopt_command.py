"""Turn a plain ONNX classifier into an artifact: preprocessing, labels and proof are put into the file.

PLAIN may come from PyTorch, scikit-learn's converter or anywhere: float32 pictures (channels first or last), or rows
of numbers, go in, and one row of classes comes out. Logits get a softmax. What was written is compared with PLAIN
itself, on arrays preprocessed the same way. Exit status: 0 written; 2 nothing was written.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from export.model_arguments import add_model_arguments, describe_model, model_inputs, report, resolve_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot adopt` takes."""
    parser.add_argument("model", metavar="PLAIN", type=Path, help="an .onnx file that is no artifact yet")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: PLAIN's name-eyespot.onnx)")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Adopt, print what was proven and return the exit status."""
    output = resolve_output(arguments.output, f"{arguments.model.stem}-eyespot.onnx", *model_inputs(arguments))
    description, pictures = describe_model(arguments)
    from export.export_original import export_original
    from export.sources.onnx_file import plain_original

    original = plain_original(arguments.model)
    name = output.stem if arguments.output else arguments.model.stem
    spec = description.spec(name, original.input_shape)
    report(export_original(original, spec, pictures, output, arguments.tolerance), output)
    return DONE
