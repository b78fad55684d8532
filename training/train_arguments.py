"""The options of `eyespot train`, apart from what is done with them."""

import argparse
from collections.abc import Callable
from pathlib import Path

from edge.arguments import count, parse_regions, positive, seed_number
from training.schedule_options import add_schedule_arguments

DEFAULT_SEED = 42
KEEP_LAST = 3
WORKER_TIMEOUT_S = 600
Add = Callable[..., argparse.Action]

SPREAD_HELP = "all GPUs of this machine, or the machines of TF_CONFIG; the first of them writes the run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot train` takes."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="the name of a recipe, such as lenet")
    parser.add_argument("--list", action="store_true", help="show all recipes and what they are")
    _add_data(parser.add_argument_group("data").add_argument)
    _add_run(parser.add_argument_group("run").add_argument)
    add_schedule_arguments(parser)
    _add_practice(parser.add_argument_group("practice").add_argument)


def _add_data(add: Add) -> None:
    add("--dataset", metavar="NAME|PATH", help="what to train on (default: the recipe's own)")
    add("--class-depth", type=count, default=0, metavar="N", help="folders above the class folders")
    add("--skip-bad", action="store_true", help="leave out images that cannot be read")
    add("--class-weights", choices=["balanced"], help="give every class the same total weight")


def _add_run(add: Add) -> None:
    add("--output", metavar="RUN", help="the folder to write (default: runs/RECIPE-DATASET)")
    add("--resume", action="store_true", help="go on with a run that was interrupted")
    add("--seed", type=seed_number, default=DEFAULT_SEED, help=f"(default {DEFAULT_SEED})")
    add("--epochs", type=positive, metavar="N", help="(default: the recipe's own)")
    add("--batch-size", type=positive, metavar="N", help="(default: the recipe's own)")
    add("--k", type=positive, metavar="N", help="neighbours that vote, for knn (default: the recipe's own)")
    add("--jobs", type=positive, metavar="N", help="CPU cores to work with (default: all)")
    add(
        "--regions",
        type=parse_regions,
        metavar="WHAT",
        help="what the model is to look for in a picture: faces, glyphs:COUNT or none (default: the recipe's own); the "
        "data set holds single ones",
    )


def _add_practice(add: Add) -> None:
    keep_help, timeout_help = f"improvements kept (default {KEEP_LAST})", f"of multiworker ({WORKER_TIMEOUT_S})"
    add("--initializer", metavar="NAME", help="of the weights (default glorot-uniform)")
    add("--checkpoints", choices=["none", "best", "improvements"], default="none")
    add("--keep-last", type=positive, default=KEEP_LAST, metavar="N", help=keep_help)
    add("--early-stopping", type=positive, metavar="N", help="epochs without a new low; keeps best")
    add("--precision", choices=["float32", "mixed_float16", "mixed_bfloat16"], default="float32")
    add("--device", choices=["auto", "cpu", "gpu"], default="auto", help="gpu fails without one")
    add("--strategy", choices=["none", "mirrored", "multiworker"], default="none", help=SPREAD_HELP)
    add("--worker-timeout", type=positive, default=WORKER_TIMEOUT_S, metavar="S", help=timeout_help)
    add("--answer-accuracy", type=accuracy, metavar="P", help="be unsure where it takes that (0.99)")
    add("--tensorboard", type=Path, metavar="DIR", help="write logs for TensorBoard")


def accuracy(text: str) -> float:
    """Return the share of right answers that `text` says, for argparse."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1. Received: {text}")
    return value
