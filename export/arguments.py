"""The options of the commands that write artifacts, their argparse, and what these commands print."""

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from edge.arguments import share
from edge.commands.info import variant_rows
from edge.errors import UsageError
from edge.steps import LARGEST_SIDE_PX

if TYPE_CHECKING:  # `--help` does not wait for onnx
    from export.pipeline import Exported

Processor = Literal["arm", "x86", "x86-vnni", "auto"]

DESCRIPTION = ("labels", "preprocessing", "size", "output_name", "calibrate", "answer_accuracy", "images")


@dataclass(frozen=True)
class ExportOptions:
    """How equal the file must be, whether it is made smaller, and what labelled pictures decide.

    `tolerance` is the largest difference of a probability; None is 1e-5, or more where float32 rounds more. A `variant`
    is made for the processor `target` and may lose `max_drop` points of accuracy, of 100. `calibrate` fits a
    temperature, `answer_accuracy` (a share, 0 to 1) finds a threshold; both are for networks from elsewhere.
    """

    tolerance: float | None = None
    variant: Literal["int8", "fp16"] | None = None
    target: Processor = "auto"
    max_drop: float = 0.5
    calibrate: bool = False
    answer_accuracy: float | None = None


DEFAULTS = ExportOptions()


def add_description(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what a network from elsewhere does not say of itself."""
    add = parser.add_argument_group("a network from elsewhere").add_argument
    add("--labels", metavar="FILE", type=Path, help="one label a line, or JSON (a list, id2label)")
    preprocessing = "a JSON list of steps, or caffe, tf, torch, unit (0 to 1) or raw (0 to 255)"
    add("--preprocessing", metavar="FILE|PRESET", help=preprocessing)
    add("--size", metavar="HxW", type=size, help="for a preset, if the network takes any size")
    add("--output-name", metavar="NAME", help="which output gives the classes, if there are several")
    add("--calibrate", action="store_true", default=None, help="fit a temperature on 1 in 5 of the labelled pictures")
    unsure = "find the probability below which it is unsure, so that this share of its answers is right"
    add("--answer-accuracy", type=share, metavar="P", help=unsure)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the comparison and of a smaller variant."""
    images = "pictures to compare on (default: made ones); with a folder for each label they measure accuracy"
    parser.add_argument("--images", metavar="DIR", type=Path, help=images)
    tolerance = "largest difference of a probability to accept (default 1e-05, more where float32 rounds more)"
    parser.add_argument("--tolerance", type=share, metavar="P", help=tolerance)
    add = parser.add_mutually_exclusive_group().add_argument
    for kind, purpose in (("int8", "eight bits, for CPUs: smaller and faster"), ("fp16", "sixteen bits, for GPUs")):
        add(f"--{kind}", dest="variant", action="store_const", const=kind, help=purpose)
    target = "the processor that --int8 is made for (default auto: that of this machine)"
    parser.add_argument("--for", dest="target", choices=get_args(Processor), help=target)
    drop = f"how much accuracy --int8 and --fp16 may lose, in points of 100 (default {DEFAULTS.max_drop:g})"
    parser.add_argument("--max-drop", type=points, metavar="POINTS", help=drop)


def size(text: str) -> tuple[int, int]:
    """Return the height and width in `text`, for argparse."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text, re.ASCII)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= min(sides) <= max(sides) <= LARGEST_SIDE_PX:
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, like 224x224, to {LARGEST_SIDE_PX:,} each. Received: {text}"
        )
    return sides


def points(text: str) -> float:
    """Return the points of accuracy in `text`, for argparse."""
    if not 0 <= (value := float(text)) < 100:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 100. Received: {text}")
    return value


def read_options(arguments: argparse.Namespace) -> ExportOptions:
    """Return the options that were given. Raises UsageError for options of a variant that is not asked for."""
    names = (field.name for field in fields(ExportOptions))
    given = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
    for name, option in (("target", "--for"), ("max_drop", "--max-drop")):
        if name in given and "variant" not in given:
            raise UsageError(f"{option} {given[name]} says how to make a variant; add --int8 or --fp16")
    if arguments.variant == "fp16" and "target" in given:
        raise UsageError("--for chooses between processors for --int8; --fp16 has one form")
    return ExportOptions(**given)


def resolve_output(given: str | Path | None, default: str, *inputs: str | Path | None) -> Path:
    """Return the file to write.

    Raises UsageError if it is a folder, one of the `inputs`, or a file inside an input that is a folder, other than an
    .onnx file (an earlier export).
    """
    output = Path(given or default)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; --output must name a file")
    for path in [Path(path) for path in inputs if path]:
        is_within = path.is_dir() and output.suffix != ".onnx" and path.resolve() in output.resolve().parents
        if output.exists() and (is_within or (path.is_file() and output.samefile(path))):
            raise UsageError(f"{output} is what is read; --output must name another file")
    return output


def export_described(arguments: argparse.Namespace, own_name: str, suffix: str) -> tuple["Exported", Path]:
    """Write the artifact of a network from elsewhere; return what was written, and where.

    Without --output that is `own_name` and `suffix`. Raises UsageError for an option that is missing or wrong.
    """
    from export.sources.source import KERAS_SUFFIXES, not_a_model, open_source

    path: Path = arguments.model
    inputs = (path, arguments.labels, arguments.preprocessing, arguments.images)
    output = resolve_output(arguments.output, f"{own_name}{suffix}.onnx", *inputs)
    if not path.exists():
        raise not_a_model(path)
    for option in ("labels", "preprocessing"):
        if (value := getattr(arguments, option)) is None:
            raise UsageError(f"{path}: this model does not say its {option}; give --{option}")
        if Path(value).suffix in (".onnx", *KERAS_SUFFIXES):
            raise UsageError(f"--{option} {value} is a model, which comes first. Received: {path} as the model")
    from export.parity.pictures import find_pictures
    from export.pipeline import export_source
    from export.sources.description import Description, read_labels, read_preprocessing

    labels = read_labels(arguments.labels)
    description = Description(labels, read_preprocessing(arguments.preprocessing), arguments.size)
    pictures = find_pictures(arguments.images, labels)
    source = open_source(path, arguments.output_name)
    spec = description.spec(output.stem if arguments.output else own_name, source.input_shape)
    return export_source(source, spec, pictures, output, read_options(arguments)), output


def report(exported: "Exported", output: Path) -> None:
    """Print what was written and how it compares with the source."""
    spec, worst = exported.spec, exported.comparisons[0]
    for note in exported.notes:
        print(f"note: {note}")
    print(f"{output}: {spec.name} {spec.version}, {exported.size_bytes:,} bytes")
    print(
        f"parity: {len(exported.comparisons):,} comparisons, largest difference {worst.difference:.1e} "
        f"({worst.name}), same best label on all"
    )
    training, parity = spec.training, spec.parity
    if training and parity and parity.origin == "folder":
        unsure = "" if spec.reject_threshold is None else f"; unsure below {spec.reject_threshold:.2%}"
        print(f"accuracy: {training.accuracy:.2%} of {training.evaluation_images:,} labelled pictures{unsure}")
    if spec.variant:
        print(f"{spec.variant.kind}: {variant_rows(spec.variant)['cost']}")
    if parity and parity.origin != "held-out":
        whose = "of yours" if parity.origin == "folder" else "that eyespot made itself; --images DIR takes yours"
        print(f"compared on {parity.images} pictures {whose}")
