"""What is asked of a smaller variant; apart from its making, so that `--help` loads nothing heavy."""

import argparse
from dataclasses import dataclass
from typing import Literal

from edge.errors import UsageError

MAX_DROP_POINTS = 0.5


@dataclass(frozen=True)
class VariantOptions:
    """Eight bits for a kind of processor, or sixteen; and what accuracy may be lost, in points of 100."""

    kind: Literal["int8", "fp16"]
    target: Literal["arm", "x86", "auto"] = "auto"
    max_drop_points: float = MAX_DROP_POINTS


def add_variant_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a smaller variant."""
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


def choose_variant(arguments: argparse.Namespace) -> VariantOptions | None:
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
