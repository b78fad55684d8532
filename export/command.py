"""Turn a trained run into one .onnx file, proven equal to Keras on the run's held-out images.

RUN is a folder that 'eyespot train' wrote. With --triton or --bento the file goes into a store as well; an
.onnx file that was exported before goes there as it is. Exit status: 0 written; 2 nothing was written, because
the run is damaged or because the file would not answer as Keras does, or a store did not take the file.
"""

import argparse
from pathlib import Path

from edge.arguments import share
from edge.cli import DONE
from edge.errors import UsageError
from export.parity import TOLERANCE
from export.publish import Targets, add_target_arguments, choose_targets, publish
from export.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot export` takes."""
    parser.add_argument("run", metavar="RUN", help="a folder written by 'eyespot train', or an exported file")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: RUN's name)")
    parser.add_argument(
        "--tolerance",
        type=share,
        default=TOLERANCE,
        metavar="P",
        help=f"largest difference of a probability that is accepted (default {TOLERANCE:.0e})",
    )
    add_target_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export, print what was proven and return the exit status."""
    targets = choose_targets(arguments)
    if arguments.run.endswith(".onnx") and Path(arguments.run).is_file():
        return _publish_only(arguments, targets)
    from export.export_run import export_run

    folder = RunFolder(Path(arguments.run))
    output = Path(arguments.output or f"{folder.path.resolve().name}.onnx")
    if output.is_dir():
        raise UsageError(f"{output} is a folder; --output must name a file")
    exported = export_run(folder, output, arguments.tolerance)
    worst = exported.comparisons[0]
    print(f"{output}: {exported.spec.name} {exported.spec.version}, {exported.size_bytes:,} bytes")
    print(
        f"parity: {len(exported.comparisons):,} comparisons, largest difference {worst.difference:.1e} "
        f"({worst.name}), same best label on all"
    )
    publish(output, targets)
    return DONE


def _publish_only(arguments: argparse.Namespace, targets: Targets) -> int:
    if arguments.output or not targets.any:
        raise UsageError(f"{arguments.run} is exported already; say --triton or --bento, and no --output")
    publish(Path(arguments.run), targets)
    return DONE
