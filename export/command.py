"""Turn a classifier into one .onnx file, proven equal to the source on pictures.

MODEL is a folder that 'eyespot train' wrote, or a network from elsewhere: a file of Keras (.keras, .h5, .hdf5; Keras 2
or 3) or the folder of a SavedModel. The latter need --labels and --preprocessing. Networks that end in logits get a
softmax; sigmoids of one or two units become two classes. With --images DIR, in which each label has its folder, the
file also says how good such a network is.

The presets resize to the network's own size as Pillow's BILINEAR does, and bring the levels to what the networks of
keras.applications take: caffe (BGR less the ImageNet means), tf (-1 to 1), torch (0 to 1, standardised), unit (0 to 1)
and raw (0 to 255, for networks that rescale inside).

With --triton or --bento the file goes into a store as well; an .onnx file that was exported before goes there as it is.

Exit status: 0 written; 2 nothing was written, because the model cannot be exported or would not answer the same, or a
store did not take the file.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from edge.errors import ModelError, UsageError
from export.arguments import (
    Targets,
    add_model_arguments,
    add_target_arguments,
    add_variant_arguments,
    choose,
    choose_targets,
    export_described,
    model_inputs,
    report,
    resolve_output,
    variant_suffix,
)
from export.run_folder import RunFolder
from export.sources.source import is_keras_file, not_a_model

FOREIGN_OPTIONS = ("labels", "preprocessing", "size", "output_name", "calibrate", "answer_accuracy", "images")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot export` takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a run, a file of Keras, a SavedModel, an artifact")
    parser.add_argument(
        "--output", metavar="FILE", help="the .onnx file to write (default: MODEL's name, with -int8 or -fp16)"
    )
    add_model_arguments(parser)
    add_variant_arguments(parser)
    add_target_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was proven and return the exit status."""
    targets, choices = choose_targets(arguments), choose(arguments)
    path: Path = arguments.model
    if path.suffix == ".onnx" and path.is_file():
        return _publish_only(arguments, targets)
    is_file = is_keras_file(path)
    own = path.stem if is_file else path.resolve().name
    default = f"{own}{variant_suffix(arguments)}.onnx"
    output = resolve_output(arguments.output, default, *model_inputs(arguments))
    if is_file or (path / "saved_model.pb").is_file():
        exported = export_described(arguments, output, output.stem if arguments.output else own)
    elif not RunFolder(path).is_started:
        raise not_a_model(path)
    else:
        _refuse(arguments, FOREIGN_OPTIONS, "is for a network from elsewhere; a run has its own")
        from export.pipeline import export_run

        exported = export_run(RunFolder(path), output, choices)
    report(exported, output)
    targets.publish(output)
    return DONE


def _publish_only(arguments: argparse.Namespace, targets: Targets) -> int:
    from edge.model import read_spec

    try:
        read_spec(arguments.model)
    except ModelError as error:
        raise UsageError(f"{error}; a plain ONNX file is taken in with 'eyespot adopt'") from None
    options = ("output", "int8", "fp16", *FOREIGN_OPTIONS)
    _refuse(arguments, options, f"means nothing for {arguments.model}, which is exported already; give its source")
    if not targets.any:
        raise UsageError(f"{arguments.model} is exported already; --triton or --bento hand it on")
    targets.publish(arguments.model)
    return DONE


def _refuse(arguments: argparse.Namespace, options: tuple[str, ...], why: str) -> None:
    for option in options:
        if getattr(arguments, option) not in (None, False):
            raise UsageError(f"--{option.replace('_', '-')} {why}")
