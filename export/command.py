"""Turn a trained run into one .onnx file, proven equal to Keras on the run's held-out images.

RUN is a folder that 'eyespot train' wrote. Exit status: 0 written; 2 nothing was written, because the run
is damaged or because the file would not answer as Keras does.
"""

import argparse
from pathlib import Path

from edge.cli import DONE
from edge.errors import UsageError
from export.parity import TOLERANCE
from export.run_folder import RunFolder
from export.variant_options import MAX_DROP_POINTS, VariantOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot export` takes."""
    parser.add_argument("run", metavar="RUN", help="a folder written by 'eyespot train'")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: RUN's name)")
    parser.add_argument(
        "--tolerance",
        type=tolerance,
        default=TOLERANCE,
        metavar="P",
        help=f"largest difference of a probability that is accepted (default {TOLERANCE:.0e})",
    )
    smaller = parser.add_mutually_exclusive_group()
    smaller.add_argument("--int8", action="store_true", help="eight bits, for processors: smaller and faster")
    smaller.add_argument("--fp16", action="store_true", help="sixteen bits, for GPUs")
    parser.add_argument(
        "--for",
        dest="target",
        choices=("arm", "x86", "auto"),
        help="the processor that --int8 is made for (default auto: that of this machine)",
    )
    parser.add_argument(
        "--max-drop",
        type=points,
        metavar="POINTS",
        help=f"how much accuracy --int8 and --fp16 may lose, in points of 100 (default {MAX_DROP_POINTS:g})",
    )


def points(text: str) -> float:
    """Return the points of accuracy that `text` says, for argparse."""
    value = float(text)
    if not 0 <= value < 100:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 100. Received: {text}")
    return value


def tolerance(text: str) -> float:
    """Return the difference that `text` says, for argparse."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1. Received: {text}")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was proven and return the exit status."""
    from export.export_run import export_run

    folder = RunFolder(Path(arguments.run))
    output = Path(arguments.output or f"{folder.path.resolve().name}.onnx")
    if output.is_dir():
        raise UsageError(f"{output} is a folder; --output must name a file")
    exported = export_run(folder, output, arguments.tolerance, variant_options(arguments))
    worst = exported.comparisons[0]
    print(f"{output}: {exported.spec.name} {exported.spec.version}, {exported.size_bytes:,} bytes")
    print(
        f"parity: {len(exported.comparisons):,} comparisons, largest difference {worst.difference:.1e} "
        f"({worst.name}), same best label on all"
    )
    if variant := exported.spec.variant:
        print(
            f"{variant.kind}: {variant.accuracy:.2%} of {variant.images:,} held-out images, "
            f"float32 {variant.float32_accuracy:.2%}, same best label on {variant.top1_agreement:.2%}"
        )
    return DONE


def variant_options(arguments: argparse.Namespace) -> VariantOptions | None:
    """Return what smaller variant is asked for, if any. Raises UsageError for options that need another one."""
    if not arguments.int8 and not arguments.fp16:
        for name, value in (("--for", arguments.target), ("--max-drop", arguments.max_drop)):
            if value is not None:
                raise UsageError(f"{name} {value} says how to make a variant; add --int8 or --fp16")
        return None
    if arguments.fp16 and arguments.target is not None:
        raise UsageError("--for chooses between processors for --int8; --fp16 has one form")
    drop = MAX_DROP_POINTS if arguments.max_drop is None else arguments.max_drop
    return VariantOptions("int8" if arguments.int8 else "fp16", arguments.target or "auto", drop)
