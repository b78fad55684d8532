"""What the commands that write artifacts take alike, and what they print."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.arguments import share
from edge.errors import UsageError
from edge.steps import LARGEST_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Collection

    from export.parity.pictures import Pictures
    from export.pipeline import Choices, Exported
    from export.sources.description import Description

# These stand in modules that are slow to import; `--help` needs them (a test holds both against each other).
TOLERANCE, MAX_DROP_POINTS = 1e-5, 0.5

ORIGINS = {
    "held-out": "images that the training held out",
    "folder": "pictures of yours",
    "made": "pictures that eyespot made itself; --images DIR takes yours",
}


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what a network from elsewhere does not say of itself."""
    group = parser.add_argument_group("a network from elsewhere")
    group.add_argument("--labels", metavar="FILE", type=Path, help="one label a line, or JSON (a list, id2label)")
    group.add_argument(
        "--preprocessing",
        metavar="FILE|PRESET",
        help="a JSON list of steps, or caffe, tf, torch, unit (0 to 1) or raw (0 to 255)",
    )
    group.add_argument("--size", metavar="HxW", type=size, help="for a preset, if the network takes any size")
    group.add_argument("--output-name", metavar="NAME", help="which output gives the classes, if there are several")
    group.add_argument(
        "--calibrate", action="store_true", help="fit a temperature, by one in five of the labelled pictures"
    )
    group.add_argument(
        "--answer-accuracy",
        type=share,
        metavar="P",
        help="find the probability below which it is unsure, so that this share of its answers is right",
    )
    add_proof_arguments(parser)


def add_proof_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say how equal the file must be, and on what."""
    parser.add_argument(
        "--images",
        metavar="DIR",
        type=Path,
        help="pictures to compare on (default: made ones); with a folder for each label they say how good it is",
    )
    parser.add_argument(
        "--tolerance",
        type=share,
        metavar="P",
        help=f"largest difference of a probability to accept (default {TOLERANCE:.0e}, more where float32 rounds more)",
    )


def add_variant_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a smaller variant."""
    smaller = parser.add_mutually_exclusive_group()
    smaller.add_argument("--int8", action="store_true", help="eight bits, for processors: smaller and faster")
    smaller.add_argument("--fp16", action="store_true", help="sixteen bits, for GPUs")
    parser.add_argument(
        "--for",
        dest="target",
        choices=("arm", "x86", "x86-vnni", "auto"),
        help="the processor that --int8 is made for (default auto: that of this machine)",
    )
    parser.add_argument(
        "--max-drop",
        type=points,
        metavar="POINTS",
        help=f"how much accuracy --int8 and --fp16 may lose, in points of 100 (default {MAX_DROP_POINTS:g})",
    )


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where an artifact goes besides its own file."""
    parser.add_argument("--triton", type=Path, metavar="REPOSITORY", help="put it into a Triton model repository too")
    parser.add_argument("--bento", action="store_true", help="put it into BentoML's model store as well")


def size(text: str) -> tuple[int, int]:
    """Return the height and width that `text` says, for argparse."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text, re.ASCII)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= min(sides) <= max(sides) <= LARGEST_SIDE_PX:
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, like 224x224, to {LARGEST_SIDE_PX:,} each. Received: {text}"
        )
    return sides


def points(text: str) -> float:
    """Return the points of accuracy that `text` says, for argparse."""
    value = float(text)
    if not 0 <= value < 100:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 100. Received: {text}")
    return value


@dataclass(frozen=True)
class Targets:
    """Where an artifact goes besides its own file: a Triton repository, BentoML's store, both or neither."""

    triton: Path | None
    bento: bool

    @property
    def any(self) -> bool:
        """Whether it goes anywhere."""
        return self.triton is not None or self.bento

    def publish(self, model: Path) -> None:
        """Put the artifact `model` where it is to go, and say where that is."""
        if self.triton is not None:
            from export.triton import publish_to_triton

            path, is_new = publish_to_triton(model, self.triton)
            print(f"triton: {path}" if is_new else f"triton: {path} is the same already")
        if self.bento:
            from export.bento import publish_to_bento

            tag, path, is_new = publish_to_bento(model)
            print(f"bento: {tag} ({path})" if is_new else f"bento: {tag} is there already ({path})")


def choose_targets(arguments: argparse.Namespace) -> Targets:
    """Return where the artifact is to go, after checking what can be checked before an export takes minutes.

    Raises UsageError for a repository that is no folder, MissingExtraError without BentoML.
    """
    targets = Targets(arguments.triton, arguments.bento)
    if targets.triton is not None and targets.triton.exists() and not targets.triton.is_dir():
        raise UsageError(f"{targets.triton} is a file; --triton must name a folder")
    if targets.bento:
        from export.bento import import_bentoml

        import_bentoml()
    return targets


def choose(arguments: argparse.Namespace) -> "Choices":
    """Return what the options choose. Raises UsageError for options of a variant that is not asked for."""
    from export.pipeline import Choices
    from export.quantize.gate import VariantOptions

    variant = None
    if arguments.int8 or arguments.fp16:
        if arguments.fp16 and arguments.target is not None:
            raise UsageError("--for chooses between processors for --int8; --fp16 has one form")
        drop = MAX_DROP_POINTS if arguments.max_drop is None else arguments.max_drop
        variant = VariantOptions("int8" if arguments.int8 else "fp16", arguments.target or "auto", drop)
    else:
        for name, value in (("--for", arguments.target), ("--max-drop", arguments.max_drop)):
            if value is not None:
                raise UsageError(f"{name} {value} says how to make a variant; add --int8 or --fp16")
    calibrate = getattr(arguments, "calibrate", False)
    return Choices(arguments.tolerance, variant, calibrate, getattr(arguments, "answer_accuracy", None))


def variant_suffix(arguments: argparse.Namespace) -> str:
    """Return what a smaller variant adds to the name of its file."""
    return "-int8" if arguments.int8 else "-fp16" if arguments.fp16 else ""


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
    """Return what the options say of a network, and the pictures to compare on.

    Raises UsageError for an option that is missing or that names nothing of its kind.
    """
    from export.sources.description import Description, read_labels, read_preprocessing

    for option in ("labels", "preprocessing"):
        if getattr(arguments, option) is None:
            raise UsageError(f"{arguments.model}: this model does not say its {option}; give --{option}")
    labels, steps = read_labels(arguments.labels), read_preprocessing(arguments.preprocessing)
    return Description(labels, steps, arguments.size), read_pictures(arguments.images, labels)


def read_pictures(folder: Path | None, labels: "Collection[str]" = ()) -> "Pictures":
    """Return the pictures of a folder, or made ones. Raises UsageError if there are none in it."""
    from export.parity.pictures import folder_pictures, made_pictures

    return made_pictures() if folder is None else folder_pictures(folder, labels)


def export_described(arguments: argparse.Namespace, output: Path, name: str) -> "Exported":
    """Write the artifact of a network from elsewhere, as the options describe it, and return what was written."""
    from export.sources.source import not_a_model, open_source

    if not arguments.model.exists():
        raise not_a_model(arguments.model)
    description, pictures = describe_model(arguments)
    from export.pipeline import export_source

    source = open_source(arguments.model, arguments.output_name)
    return export_source(source, description.spec(name, source.input_shape), pictures, output, choose(arguments))


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
    training = spec.training
    if training and spec.parity and spec.parity.origin == "folder":
        unsure = "" if spec.reject_threshold is None else f"; unsure below {spec.reject_threshold:.2%}"
        print(f"accuracy: {training.accuracy:.2%} of {training.evaluation_images:,} labelled pictures{unsure}")
    if variant := spec.variant:
        accuracy = f"{variant.images:,} pictures without labels"
        if variant.accuracy is not None:
            accuracy = f"{variant.accuracy:.2%} of {variant.images:,} pictures, float32 {variant.float32_accuracy:.2%}"
        print(f"{variant.kind}: {accuracy}, same best label on {variant.top1_agreement:.2%}")
    if spec.parity and spec.parity.origin != "held-out":
        print(f"compared on {spec.parity.images} {ORIGINS[spec.parity.origin]}")
