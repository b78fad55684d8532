"""What the commands that write artifacts take alike for a model that is no run, and what they print."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge.arguments import share
from edge.errors import UsageError
from edge.steps import LARGEST_SIDE_PX
from export.parity.compare import TOLERANCE

if TYPE_CHECKING:
    from export.export_original import Exported
    from export.parity.pictures import Pictures
    from export.sources.description import Description

ORIGINS = {
    "held-out": "images that the training held out",
    "folder": "pictures of yours",
    "made": "pictures that eyespot made itself; --images DIR takes yours",
}


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what a model does not say of itself."""
    parser.add_argument("--labels", metavar="FILE", type=Path, help="one label a line, or a JSON list")
    parser.add_argument(
        "--preprocessing",
        metavar="FILE|PRESET",
        help="a JSON list of steps, or caffe, tf, torch, unit (0 to 1) or raw (0 to 255)",
    )
    parser.add_argument("--size", metavar="HxW", type=size, help="for a preset, if the network takes any size")
    add_proof_arguments(parser)


def add_proof_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say how equal the file must be, and on what."""
    parser.add_argument("--images", metavar="DIR", type=Path, help="pictures to compare on (default: made ones)")
    parser.add_argument(
        "--tolerance",
        type=share,
        default=TOLERANCE,
        metavar="P",
        help=f"largest difference of a probability that is accepted (default {TOLERANCE:.0e})",
    )


def size(text: str) -> tuple[int, int]:
    """Return the height and width that `text` says, for argparse."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text, re.ASCII)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= min(sides) <= max(sides) <= LARGEST_SIDE_PX:
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, like 224x224, to {LARGEST_SIDE_PX:,} each. Received: {text}"
        )
    return sides


def resolve_output(given: str | Path | None, default: str, *inputs: str | Path | None) -> Path:
    """Return the file to write.

    Raises UsageError if that is a folder, one of the `inputs` that are read, or a file inside one that is a folder. An
    .onnx file in there was exported before; all else is read.
    """
    output = Path(given or default)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; --output must name a file")
    for path in [Path(path) for path in inputs if path]:
        if output.exists() and path.exists() and _is_part(output, path):
            raise UsageError(f"{output} is what is read; --output must name another file")
    return output


def model_inputs(arguments: argparse.Namespace) -> tuple[str | Path | None, ...]:
    """Return the files and folders that the options of `add_model_arguments` name, and perhaps a preset's name."""
    return arguments.model, arguments.labels, arguments.preprocessing, arguments.images


def _is_part(file: Path, whole: Path) -> bool:
    if not whole.is_dir():
        return file.samefile(whole)
    return file.suffix != ".onnx" and whole.resolve() in file.resolve().parents


def describe_model(arguments: argparse.Namespace) -> "tuple[Description, Pictures]":
    """Return what the options say of a model, and the pictures to compare on.

    Raises UsageError for an option that is missing or that names nothing of its kind.
    """
    from export.sources.description import Description, read_labels, read_preprocessing

    for option in ("labels", "preprocessing"):
        if getattr(arguments, option) is None:
            raise UsageError(f"{arguments.model}: this model does not say its {option}; give --{option}")
    labels, steps = read_labels(arguments.labels), read_preprocessing(arguments.preprocessing)
    return Description(labels, steps, arguments.size), read_pictures(arguments.images)


def read_pictures(folder: Path | None) -> "Pictures":
    """Return the pictures of a folder, or made ones. Raises UsageError if there are none in it."""
    from export.parity.pictures import folder_pictures, made_pictures

    return made_pictures() if folder is None else folder_pictures(folder)


def report(exported: "Exported", output: Path) -> None:
    """Print what was written and proven."""
    spec, worst = exported.spec, exported.comparisons[0]
    for note in exported.notes:
        print(f"note: {note}")
    print(f"{output}: {spec.name} {spec.version}, {exported.size_bytes:,} bytes")
    print(
        f"parity: {len(exported.comparisons):,} comparisons, largest difference {worst.difference:.1e} "
        f"({worst.name}), same best label on all"
    )
    if variant := spec.variant:
        print(
            f"{variant.kind}: {variant.accuracy:.2%} of {variant.images:,} held-out images, "
            f"float32 {variant.float32_accuracy:.2%}, same best label on {variant.top1_agreement:.2%}"
        )
    if spec.parity and spec.parity.origin != "held-out":
        print(f"compared on {spec.parity.images} {ORIGINS[spec.parity.origin]}")
