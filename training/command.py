"""Train a recipe on a data set and write a run folder that 'eyespot export' reads.

A data set is a name (digits) or a folder that holds one folder of images for each class.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path

from edge.cli import DONE
from edge.commands.classify import positive
from export.quiet_tensorflow import start_tensorflow

DEFAULT_SEED = 42


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot train` takes."""
    parser.add_argument("recipe", metavar="RECIPE", help="the name of a recipe, such as lenet")
    parser.add_argument("--dataset", metavar="NAME|DIR", help="what to train on (default: the recipe's own)")
    parser.add_argument("--output", metavar="RUN", help="the folder to write (default: runs/RECIPE-DATASET)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"(default {DEFAULT_SEED})")
    parser.add_argument("--epochs", type=positive, metavar="N", help="(default: the recipe's own)")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="(default: the recipe's own)")


def run(arguments: argparse.Namespace) -> int:
    """Train, write the run folder, print what was reached and return the exit status."""
    start_tensorflow()
    from training.datasets import load_dataset
    from training.recipes import load_recipe
    from training.train_run import claim_run_folder, train, write_run

    recipe = load_recipe(arguments.recipe)
    changes = {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    recipe = dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value})
    dataset = load_dataset(arguments.dataset or recipe.dataset)
    output = Path(arguments.output or f"runs/{recipe.name}-{dataset.name}")
    unfinished = claim_run_folder(output)
    try:
        trained = train(recipe, dataset, output.resolve().name, arguments.seed)
        write_run(trained, dataset, unfinished)
        unfinished.path.replace(output)
    finally:
        shutil.rmtree(unfinished.path, ignore_errors=True)
    report = trained.report
    print(f"{output}: {report.accuracy:.2%} of {report.images:,} held-out images, {len(dataset.labels)} classes")
    print(f"next: eyespot export {output}")
    return DONE
