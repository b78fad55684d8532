"""Turn a classifier into one .onnx file, proven equal to the original on pictures.

MODEL is a folder that 'eyespot train' wrote, or a network from elsewhere: a file of Keras (.keras, .h5, .hdf5; Keras 2
or 3) or the folder of a SavedModel. The latter need --labels and --preprocessing. Networks that end in logits get a
softmax; sigmoids of one or two units become two classes.

The presets resize to the network's own size as Pillow's BILINEAR does, and bring the levels to what the networks of
keras.applications take: caffe (BGR less the ImageNet means), tf (-1 to 1), torch (0 to 1, standardised), unit (0 to 1)
and raw (0 to 255, for networks that rescale inside).

Exit status: 0 written; 2 nothing was written, because the model cannot be exported or would not answer the same.
"""

import argparse
from pathlib import Path

from edge.errors import UsageError
from export.model_arguments import add_model_arguments, describe_model, report, resolve_output
from export.run_folder import RunFolder

KERAS_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot export` takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a run, a file of Keras, or a SavedModel folder")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: MODEL's name)")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was proven and return the exit status."""
    path: Path = arguments.model
    is_file = path.suffix.lower() in KERAS_SUFFIXES and not path.is_dir()
    if is_file or (path / "saved_model.pb").is_file():
        return _run_model(arguments, path, is_file)
    if path.suffix == ".onnx" and path.is_file():
        raise UsageError(f"{path}: a plain ONNX file is taken in with 'eyespot adopt'")
    for option in ("labels", "preprocessing", "size", "images"):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} is for a network from elsewhere; a run has its own")
    output = resolve_output(arguments.output, f"{path.resolve().name}.onnx")
    from export.export_run import export_run

    return report(export_run(RunFolder(path), output, arguments.tolerance), output)


def _run_model(arguments: argparse.Namespace, path: Path, is_file: bool) -> int:
    own = path.stem if is_file else path.resolve().name
    output = resolve_output(arguments.output, f"{own}.onnx")
    description, pictures = describe_model(arguments)
    from export.export_original import export_original
    from export.load_keras import load_keras
    from export.load_saved_model import saved_model_original
    from export.network import keras_original

    original = keras_original(load_keras(path), str(path)) if is_file else saved_model_original(path)
    spec = description.spec(output.stem if arguments.output else own, original.input_shape)
    return report(export_original(original, spec, pictures, output, arguments.tolerance), output)
