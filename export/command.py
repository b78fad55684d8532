"""Turn a classifier into one .onnx file, proven equal to the original on pictures.

MODEL is a folder that 'eyespot train' wrote, or a network from elsewhere: a file of Keras (.keras, .h5, .hdf5; Keras 2
or 3) or the folder of a SavedModel. The latter need --labels and --preprocessing. Networks that end in logits get a
softmax; sigmoids of one or two units become two classes.

The presets resize to the network's own size as Pillow's BILINEAR does, and bring the levels to what the networks of
keras.applications take: caffe (BGR less the ImageNet means), tf (-1 to 1), torch (0 to 1, standardised), unit (0 to 1)
and raw (0 to 255, for networks that rescale inside).

With --triton or --bento the file goes into a store as well; an .onnx file that was exported before goes there as it is.

Exit status: 0 written; 2 nothing was written, because the model cannot be exported or would not answer the same, or a
store did not take the file.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import DONE
from edge.errors import ModelError, UsageError
from export.model_arguments import add_model_arguments, describe_model, model_inputs, report, resolve_output
from export.publish import Targets, add_target_arguments, choose_targets, publish
from export.run_folder import RunFolder
from export.variant_options import add_variant_arguments, choose_variant

if TYPE_CHECKING:
    from export.export_original import Exported

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
FOREIGN_OPTIONS = ("labels", "preprocessing", "size", "images")


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
    targets, options = choose_targets(arguments), choose_variant(arguments)
    path: Path = arguments.model
    if path.suffix == ".onnx" and path.is_file():
        _refuse_variant(arguments, "means nothing for what is exported already; give the run that it came from")
        return _publish_only(arguments, targets)
    is_file = _is_keras_file(path)
    own = path.stem if is_file else path.resolve().name
    suffix = f"-{options.kind}" if options else ""
    output = resolve_output(arguments.output, f"{own}{suffix}.onnx", *model_inputs(arguments))
    if is_file or (path / "saved_model.pb").is_file():
        _refuse_variant(arguments, "is calibrated and judged on pictures with labels, which only a run has")
        exported = _export_model(arguments, is_file, output, output.stem if arguments.output else own)
    else:
        _refuse(arguments, FOREIGN_OPTIONS, "is for a network from elsewhere; a run has its own")
        from export.export_run import export_run

        exported = export_run(RunFolder(path), output, arguments.tolerance, options)
    report(exported, output)
    publish(output, targets)
    return DONE


def _is_keras_file(path: Path) -> bool:
    if path.suffix.lower() not in KERAS_SUFFIXES or path.is_dir():
        return False
    if path.suffix not in KERAS_SUFFIXES:
        raise UsageError(
            f"{path}: Keras knows files by {', '.join(sorted(KERAS_SUFFIXES))} in small letters; rename it"
        )
    return True


def _publish_only(arguments: argparse.Namespace, targets: Targets) -> int:
    from edge.artifact import read_spec

    try:
        read_spec(arguments.model)
    except ModelError as error:
        raise UsageError(f"{error}; a plain ONNX file is taken in with 'eyespot adopt'") from None
    _refuse(arguments, ("output", *FOREIGN_OPTIONS), f"means nothing for {arguments.model}, which is exported already")
    if not targets.any:
        raise UsageError(f"{arguments.model} is exported already; --triton or --bento hand it on")
    publish(arguments.model, targets)
    return DONE


def _refuse(arguments: argparse.Namespace, options: tuple[str, ...], why: str) -> None:
    for option in options:
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} {why}")


def _refuse_variant(arguments: argparse.Namespace, why: str) -> None:
    for option in ("int8", "fp16"):
        if getattr(arguments, option):
            raise UsageError(f"--{option} {why}")


def _export_model(arguments: argparse.Namespace, is_file: bool, output: Path, name: str) -> "Exported":
    description, pictures = describe_model(arguments)
    from export.export_original import export_original
    from export.sources.keras_file import load_keras
    from export.sources.saved_model import saved_model_original
    from export.sources.tensorflow import keras_original

    path: Path = arguments.model
    original = keras_original(load_keras(path), str(path)) if is_file else saved_model_original(path)
    spec = description.spec(name, original.input_shape)
    return export_original(original, spec, pictures, output, arguments.tolerance)
