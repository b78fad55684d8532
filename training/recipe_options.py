"""What the options of `eyespot train` make of its recipe, and of the practice that is not the recipe's.

It exists so that all that is wrong with a call is said before a picture is read.
"""

import argparse
import dataclasses
import os
from typing import Literal

from edge.errors import UsageError
from edge.spec import Faces, Glyphs
from training.cluster import read_cluster
from training.practice import Practice
from training.recipe import Recipe
from training.schedule_options import choose_schedule
from training.strategy import Spread
from training.train_arguments import KEEP_LAST, WORKER_TIMEOUT_S

# Options that mean nothing to a recipe that is not trained, with what they are when they are not given.
FOR_TRAINING = {
    **dict.fromkeys(("epochs", "initializer", "early_stopping", "class_weights", "tensorboard")),
    "checkpoints": "none",
    "keep_last": KEEP_LAST,
    "precision": "float32",
    "strategy": "none",
    "worker_timeout": WORKER_TIMEOUT_S,
}


def change_recipe(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe with what the options change of it. Raises UsageError for options that mean nothing to it."""
    recipe = _with_neighbours(recipe, arguments)
    changes = {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    balanced = recipe.balanced_classes or arguments.class_weights == "balanced"
    return dataclasses.replace(
        recipe,
        balanced_classes=balanced,
        schedule=choose_schedule(recipe, arguments),
        regions=_choose_regions(recipe, arguments),
        **{name: value for name, value in changes.items() if value},
    )


def choose_practice(arguments: argparse.Namespace) -> Practice:
    """Return how to train. Raises UsageError, and MissingExtraError, for what does not go."""
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


def _with_neighbours(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe with the k that was asked for. Raises UsageError for options that mean nothing to it."""
    if recipe.memory is None:
        if arguments.k:
            raise UsageError(f"--k counts the neighbours of knn; the recipe {recipe.name} is trained and has none")
        return recipe
    for option, absent in FOR_TRAINING.items():
        if getattr(arguments, option) != absent:
            name = option.replace("_", "-")
            raise UsageError(
                f"--{name} is for training; the recipe {recipe.name} remembers its images and is not trained"
            )
    return dataclasses.replace(recipe, memory=dataclasses.replace(recipe.memory, k=arguments.k or recipe.memory.k))


def _choose_regions(recipe: Recipe, arguments: argparse.Namespace) -> Faces | Glyphs | None:
    chosen: Faces | Glyphs | Literal["none"] | None = arguments.regions
    return recipe.regions if chosen is None else None if chosen == "none" else chosen
