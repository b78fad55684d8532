"""The options of `eyespot train`, apart from what is done with them."""

import argparse
from pathlib import Path

from edge.arguments import count, positive, seed_number
from edge.classifier_options import parse_regions
from training.schedule_options import add_schedule_arguments

DEFAULT_SEED = 42
SPREAD_HELP = "all GPUs of this machine, or the machines of TF_CONFIG; the first of them writes the run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot train` takes."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="the name of a recipe, such as lenet")
    parser.add_argument("--list", action="store_true", help="show all recipes and what they are")
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", metavar="NAME|PATH", help="what to train on (default: the recipe's own)")
    data.add_argument("--class-depth", type=count, default=0, metavar="N", help="folders above the class folders")
    data.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    data.add_argument("--class-weights", choices=["balanced"], help="give every class the same total weight")
    run = parser.add_argument_group("run")
    run.add_argument("--output", metavar="RUN", help="the folder to write (default: runs/RECIPE-DATASET)")
    run.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    run.add_argument("--seed", type=seed_number, default=DEFAULT_SEED, help=f"(default {DEFAULT_SEED})")
    run.add_argument("--epochs", type=positive, metavar="N", help="(default: the recipe's own)")
    run.add_argument("--batch-size", type=positive, metavar="N", help="(default: the recipe's own)")
    run.add_argument(
        "--k", type=positive, metavar="N", help="neighbours that vote, for knn (default: the recipe's own)"
    )
    run.add_argument("--jobs", type=positive, metavar="N", help="CPU cores to work with (default: all)")
    run.add_argument(
        "--regions",
        type=parse_regions,
        metavar="WHAT",
        help="what the model is to look for in a picture: faces, glyphs:COUNT or none (default: the recipe's own); the "
        "data set holds single ones",
    )
    add_schedule_arguments(parser)
    practice = parser.add_argument_group("practice")
    practice.add_argument("--initializer", metavar="NAME", help="of the weights (default glorot-uniform)")
    practice.add_argument("--checkpoints", choices=["none", "best", "improvements"], default="none")
    practice.add_argument("--keep-last", type=positive, default=3, metavar="N", help="improvements kept (default 3)")
    practice.add_argument("--early-stopping", type=positive, metavar="N", help="epochs without a new low; keeps best")
    practice.add_argument("--precision", choices=["float32", "mixed_float16", "mixed_bfloat16"], default="float32")
    practice.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto", help="gpu fails without one")
    practice.add_argument("--strategy", choices=["none", "mirrored", "multiworker"], default="none", help=SPREAD_HELP)
    practice.add_argument("--worker-timeout", type=positive, default=600, metavar="S", help="of multiworker (600)")
    practice.add_argument("--answer-accuracy", type=accuracy, metavar="P", help="be unsure where it takes that (0.99)")
    practice.add_argument("--tensorboard", type=Path, metavar="DIR", help="write logs for TensorBoard")


def accuracy(text: str) -> float:
    """Return the share of right answers that `text` says, for argparse."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1. Received: {text}")
    return value
