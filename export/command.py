"""Turn a classifier into one .onnx file, compared with the source on pictures before it is written.

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

from edge.arguments import DONE
from edge.errors import UsageError
from edge.model import read_spec
from export.arguments import (
    DESCRIPTION,
    add_description,
    add_options,
    export_described,
    read_options,
    report,
    resolve_output,
)
from export.publish import publish, require_targets
from export.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot export` takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a run, a file of Keras, a SavedModel, an artifact")
    output = "the .onnx file to write (default: MODEL's name, with -int8 or -fp16)"
    parser.add_argument("--output", metavar="FILE", help=output)
    add_description(parser)
    add_options(parser)
    parser.add_argument("--triton", type=Path, metavar="REPOSITORY", help="put it into a Triton model repository too")
    parser.add_argument("--bento", action="store_true", help="put it into BentoML's model store as well")


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was compared and return the exit status."""
    require_targets(arguments.triton, arguments.bento)
    options, path = read_options(arguments), arguments.model
    if path.suffix == ".onnx" and path.is_file():
        spec = read_spec(path)
        _require_publishable(arguments)
        publish(path, spec, arguments.triton, arguments.bento)
        return DONE
    from export.sources.source import is_keras_file, not_a_model

    suffix = f"-{options.variant}" if options.variant else ""
    if is_keras_file(path) or (path / "saved_model.pb").is_file():
        exported, output = export_described(arguments, path.stem if path.is_file() else path.resolve().name, suffix)
    elif not RunFolder(path).is_started:
        raise not_a_model(path)
    else:
        _refuse(arguments, DESCRIPTION, "is for a network from elsewhere; a run has its own")
        from export.pipeline import export_run

        output = resolve_output(arguments.output, f"{path.resolve().name}{suffix}.onnx", path)
        exported = export_run(RunFolder(path), output, options)
    report(exported, output)
    publish(output, exported.spec, arguments.triton, arguments.bento)
    return DONE


def _require_publishable(arguments: argparse.Namespace) -> None:
    """Raise UsageError unless an artifact is to go to a store, as it is."""
    options = ("output", "tolerance", "variant", *DESCRIPTION)
    _refuse(arguments, options, f"does nothing for {arguments.model}, which is exported already; give its source")
    if arguments.triton is None and not arguments.bento:
        raise UsageError(f"{arguments.model} is exported already; --triton or --bento put it into a store")


def _refuse(arguments: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if (value := getattr(arguments, name)) is not None:
            raise UsageError(f"--{value if name == 'variant' else name.replace('_', '-')} {why}")
