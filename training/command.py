"""Train a recipe on a data set and write a run folder that 'eyespot export' reads.

A data set is a name (digits, mnist, fashion-mnist, cifar10, cifar100), a folder that holds one folder of
images for each class (train/ and test/ above them are honoured), an .npz file, or a folder of IDX files.
Exit status: 0 done, 2 nothing was trained, 130 interrupted (--resume continues).
"""

import argparse
import dataclasses
import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from edge.cli import DONE
from edge.errors import EyespotError, UsageError
from export.quiet_tensorflow import start_tensorflow
from training.schedule_options import choose_schedule
from training.train_arguments import add_arguments as add_arguments

if TYPE_CHECKING:
    from edge.spec import Faces, Glyphs
    from training.practice import Practice
    from training.recipe import Recipe
    from training.train import Material, Trained


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
        room = "make room and " if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
        kept = f"{error.strerror}; the last good epoch is kept, {room}continue with the same command and --resume"
        raise OSError(error.errno, kept, error.filename) from None
    finally:
        discard_empty(run)
    return trained


def _practice(arguments: argparse.Namespace) -> "Practice":
    from training.cluster import read_cluster
    from training.practice import Practice
    from training.strategy import Spread

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
        regions=_choose_regions(recipe, arguments),
        **{name: value for name, value in changes.items() if value},
    )


def _choose_regions(recipe: "Recipe", arguments: argparse.Namespace) -> "Faces | Glyphs | None":
    chosen: Faces | Glyphs | Literal["none"] | None = arguments.regions
    return recipe.regions if chosen is None else None if chosen == "none" else chosen


def _gather(recipe: "Recipe", arguments: argparse.Namespace) -> "Material":
    """Load, prepare and divide the data, and say on standard error what is worth knowing about it."""
    from training.datasets import load_dataset
    from training.prepare_dataset import prepare_dataset
    from training.split import describe_split, split_dataset
    from training.suitability import require_suitable
    from training.train import Material

    name = arguments.dataset or recipe.dataset
    if not name:
        raise UsageError(f"the recipe {recipe.name} has no data set of its own; name one with --dataset")
    dataset = load_dataset(name, arguments.class_depth)
    dataset, prepared = prepare_dataset(dataset, recipe.preprocessing, arguments.skip_bad, arguments.jobs)
    split = split_dataset(dataset, prepared.hashes, recipe.held_out_share, arguments.seed)
    for line in describe_split(dataset, split, recipe.balanced_classes):
        print(line, file=sys.stderr)
    require_suitable(recipe, dataset, split)
    return Material(dataset, prepared, split)
