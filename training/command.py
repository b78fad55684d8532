"""Train a classifier and write a run folder that 'eyespot export' reads.

WHAT is a folder of photographs with one folder for each class (below train/, val/ and test/, if they are there): a
network that was trained on ImageNet gets a new last layer, for which thirty photographs of each class are enough. Or
WHAT is the name of a recipe of the book, to be trained on --dataset: a folder, an .npz file or a known name (digits,
mnist, fashion-mnist, cifar10). Or a Python file that defines RECIPE, your own recipe.
Exit status: 0 done, 2 nothing was trained, 130 interrupted (--resume continues).
"""

import argparse
import errno
import sys
from pathlib import Path

from edge.arguments import DONE, above_zero, parse_regions, positive, probability, share
from edge.errors import EyespotError, UsageError
from export.quiet_tensorflow import start_tensorflow
from training.arguments import seed_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot train` takes."""
    parser.add_argument("target", metavar="WHAT", nargs="?", help="a folder of photographs, or a recipe such as lenet")
    parser.add_argument("--list", action="store_true", help="show all recipes and what they are")
    parser.argument_default = argparse.SUPPRESS  # the defaults are those of TrainConfig
    add = parser.add_argument_group("photographs").add_argument
    add("--backbone", metavar="NAME", help="the pretrained network (default efficientnet-lite0)")
    add("--weights", type=Path, metavar="FILE", help="your own network as the backbone: .keras or .weights.h5")
    add("--fine-tune", action="store_true", help="train the last blocks, too; kept only if it is better; slow on a CPU")
    add = parser.add_argument_group("data").add_argument
    add("--dataset", metavar="NAME|PATH", help="what to train a recipe on (default: its own)")
    add("--test", metavar="PATH", help="pictures for the final figures alone, in folders of the same classes")
    add("--test-share", type=share, metavar="S", help="share of the pictures that is set aside for the final figures")
    add("--limit", type=positive, metavar="N", help="at most N pictures of each class, to try quickly")
    add("--skip-bad", action="store_true", help="leave out images that cannot be read")
    add("--class-weights", choices=["balanced"], help="give every class the same total weight")
    add("--image-size", type=positive, metavar="PX", help="side of the pictures that the network gets")
    add(
        "--regions", type=parse_regions, metavar="WHAT", help="what to look for in a picture: faces, glyphs:COUNT, none"
    )
    add = parser.add_argument_group("run").add_argument
    add("--output", type=Path, metavar="RUN", help="the folder to write (default runs/DATASET, runs/RECIPE-DATASET)")
    add("--resume", action="store_true", help="go on with a run that was interrupted")
    add("--seed", type=seed_number, metavar="N", help="(default 42)")
    add("--answer-accuracy", type=probability, metavar="P", help="answer 'unsure' where that makes P of the rest right")
    add("--k", type=positive, metavar="N", help="neighbours that vote, for knn")
    add("--jobs", type=positive, metavar="N", help="CPU cores to work with (default: all)")
    add("--device", choices=["auto", "cpu", "gpu"], help="gpu fails without one (default auto)")
    add = parser.add_argument_group("epochs (recipes, and --fine-tune)").add_argument
    add("--epochs", type=positive, metavar="N")
    add("--batch-size", type=positive, metavar="N")
    add("--augment", choices=["none", "light", "strong"], help="light: turns and shifts; strong: also flips and colour")
    add("--learning-rate", type=above_zero, metavar="R")
    add("--early-stopping", type=positive, metavar="N", help="stop after N epochs that were no better")
    add("--tensorboard", type=Path, metavar="DIR", help="write logs for TensorBoard")
    add = parser.add_argument_group("epochs (recipes)").add_argument
    add("--schedule", metavar="NAME", help="of the learning rate: constant, time-decay, step-decay, cosine")
    add("--initializer", metavar="NAME", help="of the weights (default glorot-uniform)")
    add("--precision", choices=["float32", "mixed_float16", "mixed_bfloat16"], help="(default float32)")


def run(arguments: argparse.Namespace) -> int:
    """Train, write the run folder, print its figures and return the exit status."""
    options = vars(arguments)
    if options.pop("list"):
        start_tensorflow()
        from training.recipes import recipe_table

        print(recipe_table())
        return DONE
    if arguments.target is None:
        raise UsageError("name a folder of photographs, or a recipe; 'eyespot train --list' shows the recipes")
    from training.train import train

    try:
        finished = train(**options)
    except KeyboardInterrupt:
        print("\neyespot: interrupted; go on with the same command and --resume", file=sys.stderr)
        raise
    except OSError as error:
        if isinstance(error, EyespotError):
            raise
        room = "make room and " if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
        kept = f"{error.strerror}; what was done is kept, {room}go on with the same command and --resume"
        raise OSError(error.errno, kept, error.filename) from None
    report = finished.evaluation.report
    kind = f"{report.images:,} images ({report.evaluated_on}), {len(report.classes)} classes"
    guessing = f"always guessing the commonest gives {report.baseline_accuracy:.2%}"
    print(f"{finished.path}: {report.accuracy:.2%} of {kind}; {guessing}")
    print(f"next: eyespot evaluate {finished.path}; eyespot export {finished.path}")
    return DONE
