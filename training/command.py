"""Train a recipe on a data set and write a run folder that 'eyespot export' reads.

A data set is a name (digits, mnist, fashion-mnist, cifar10, cifar100), a folder that holds one folder of
images for each class (train/ and test/ above them are honoured), an .npz file, or a folder of IDX files.
Exit status: 0 done, 2 nothing was trained, 130 interrupted (--resume continues).
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.arguments import positive, seed_number
from edge.cli import DONE
from edge.errors import EyespotError, UsageError
from export.quiet_tensorflow import start_tensorflow
from training.schedule_options import add_schedule_arguments, choose_schedule

if TYPE_CHECKING:
    from training.recipe import Recipe
    from training.train import Material, Practice, Trained

DEFAULT_SEED = 42
SPREAD_HELP = "all GPUs of this machine, or the machines of TF_CONFIG; the first of them writes the run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot train` takes."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="the name of a recipe, such as lenet")
    parser.add_argument("--list", action="store_true", help="show all recipes and what they are")
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", metavar="NAME|PATH", help="what to train on (default: the recipe's own)")
    data.add_argument("--class-depth", type=int, default=0, metavar="N", help="folders above the class folders")
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


def run(arguments: argparse.Namespace) -> int:
    """Train, write the run folder, print what was reached and return the exit status."""
    start_tensorflow()
    from training.device import choose_device
    from training.history import diagnose
    from training.recipes import load_recipe, recipe_table
    from training.train import assist

    if arguments.list:
        print(recipe_table())
        return DONE
    if arguments.recipe is None:
        raise UsageError("name a recipe; 'eyespot train --list' shows them")
    recipe = _with_changes(_with_neighbours(load_recipe(arguments.recipe), arguments), arguments)
    print(f"training on {choose_device(arguments.device, arguments.jobs)}", file=sys.stderr)
    practice = _practice(arguments)
    material = _gather(recipe, arguments)
    if not practice.spread.is_chief:
        assist(recipe, practice, material)
        print("done; the chief writes the run", file=sys.stderr)
        return DONE
    output = Path(arguments.output or f"runs/{recipe.name}-{material.dataset.name}")
    trained = _train_into(output, recipe, practice, material, arguments)
    report = trained.report
    for warning in diagnose(trained.history, len(report.classes)) if trained.history.epochs else ():
        print(f"eyespot: {warning}", file=sys.stderr)
    print(f"{output}: {report.accuracy:.2%} of {report.images:,} held-out images, {len(report.classes)} classes")
    print(f"next: eyespot export {output}")
    return DONE


def _train_into(
    output: Path, recipe: "Recipe", practice: "Practice", material: "Material", arguments: argparse.Namespace
) -> "Trained":
    """Train and finish the run folder `output`; what was reached before an interruption stays in it."""
    from training.train import train
    from training.write_run import claim_run_folder, describe_model, discard_empty, finish_run

    run = claim_run_folder(output, arguments.resume)
    if arguments.resume and not run.state.is_file():
        print(f"eyespot: {output} holds no training to go on with; this one starts anew", file=sys.stderr)
    try:
        trained = train(recipe, practice, material, run, arguments.resume)
        threshold = _choose_threshold(trained, material, arguments.answer_accuracy)
        spec = describe_model(trained, recipe, material, output.resolve().name, arguments.seed, threshold)
        finish_run(trained, spec, material, run)
    except KeyboardInterrupt:
        if run.state.is_file():
            print(f"\neyespot: interrupted; continue with the same command and --resume ({output})", file=sys.stderr)
        raise
    except OSError as error:
        if isinstance(error, EyespotError) or not run.state.is_file():
            raise
        kept = (
            f"{error.strerror}; the last good epoch is kept, make room and continue with the same command and --resume"
        )
        raise OSError(error.errno, kept, error.filename) from None
    finally:
        discard_empty(run)
    return trained


def _practice(arguments: argparse.Namespace) -> "Practice":
    from training.cluster import read_cluster
    from training.strategy import Spread
    from training.train import Practice

    cluster = read_cluster(os.environ) if arguments.strategy == "multiworker" else None
    # Early stopping ends some epochs behind the best network, which has to be kept to be returned.
    keeps_best = arguments.early_stopping and arguments.checkpoints == "none"
    return Practice(
        seed=arguments.seed,
        initializer=arguments.initializer or Practice.initializer,
        checkpoints="best" if keeps_best else arguments.checkpoints,
        keep_last=arguments.keep_last,
        early_stopping_epochs=arguments.early_stopping,
        precision=arguments.precision,
        tensorboard=arguments.tensorboard,
        spread=Spread(arguments.strategy, cluster, arguments.worker_timeout),
    )


def _choose_threshold(trained: "Trained", material: "Material", wanted_accuracy: float | None) -> float | None:
    """Return the probability below which the model is to be unsure, and say what that costs."""
    from training.calibration import find_abstention

    if wanted_accuracy is None:
        return None
    targets = material.dataset.targets[np.sort(material.split.held_out)]
    found = find_abstention(trained.probabilities, targets, wanted_accuracy)
    print(
        f"unsure below {found.below:.2%}: {found.answered:.2%} of the held-out images are answered, "
        f"{found.accuracy:.2%} of the answers are right",
        file=sys.stderr,
    )
    return found.below


def _with_neighbours(recipe: "Recipe", arguments: argparse.Namespace) -> "Recipe":
    """Return the recipe with the k that was asked for. Raises UsageError for options that mean nothing to it."""
    if recipe.memory is None:
        if arguments.k:
            raise UsageError(f"--k counts the neighbours of knn; the recipe {recipe.name} is trained and has none")
        return recipe
    for option in ("epochs", "initializer", "early_stopping", "class_weights", "tensorboard"):
        if getattr(arguments, option) is not None:
            name = option.replace("_", "-")
            raise UsageError(
                f"--{name} is for training; the recipe {recipe.name} remembers its images and is not trained"
            )
    return dataclasses.replace(recipe, memory=dataclasses.replace(recipe.memory, k=arguments.k or recipe.memory.k))


def _with_changes(recipe: "Recipe", arguments: argparse.Namespace) -> "Recipe":
    changes = {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    balanced = recipe.balanced_classes or arguments.class_weights == "balanced"
    return dataclasses.replace(
        recipe,
        balanced_classes=balanced,
        schedule=choose_schedule(recipe, arguments),
        **{name: value for name, value in changes.items() if value},
    )


def _gather(recipe: "Recipe", arguments: argparse.Namespace) -> "Material":
    """Load, prepare and divide the data, and say on standard error what is worth knowing about it."""
    from training.datasets import load_dataset
    from training.prepare_dataset import prepare_dataset
    from training.split import describe_split, split_dataset
    from training.train import Material

    name = arguments.dataset or recipe.dataset
    if not name:
        raise UsageError(f"the recipe {recipe.name} has no data set of its own; name one with --dataset")
    dataset = load_dataset(name, arguments.class_depth)
    dataset, prepared = prepare_dataset(dataset, recipe.preprocessing, arguments.skip_bad, arguments.jobs)
    split = split_dataset(dataset, prepared.hashes, recipe.held_out_share, arguments.seed)
    for line in describe_split(dataset, split, recipe.balanced_classes):
        print(line, file=sys.stderr)
    return Material(dataset, prepared, split)
