"""`Recipe` and `HeadRecipe`: all that is decided before a training starts, apart from the data and the machine."""

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.cli import unknown_name
from edge.errors import UsageError, reason_of
from edge.spec import Faces, Glyphs
from edge.steps import CentreCrop, Fit, Resize, ResizeSide, Step
from training.epochs.augmentation import AUGMENTATIONS, Augmentation
from training.epochs.optimizers import Adam, Optimizer
from training.epochs.schedules import Constant, Schedule
from training.networks.architecture import Architecture
from training.transfer.head import Head

if TYPE_CHECKING:
    import keras

    from training.backbones import Backbone

Network = Callable[[Architecture], "keras.Model"]


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """What all recipes have.

    `reported` is the accuracy that the source reports, as text. `classes` is given where there must be so many.
    `regions` is what the model will look for in a picture; it is trained on what is found: single glyphs, or faces.
    """

    name: str
    summary: str
    source: str
    reported: str
    dataset: str
    preprocessing: tuple[Step, ...]
    balanced_classes: bool = False
    classes: int | None = None
    regions: Faces | Glyphs | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe(_Experiment):
    """A network that is trained in epochs; shares of the pictures are kept for test and validation."""

    network: Network
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=lambda: Constant(1e-3))
    epochs: int
    batch_size: int = 32
    augmentation: Augmentation | None = None
    test_share: float = 0.25
    validation_share: float = 0.1


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """A second phase: the last `blocks` of the backbone are trained on, with a small rate and augmented pictures."""

    blocks: int = 6
    optimizer: Optimizer = field(default_factory=Adam)
    rate: float = 3e-4
    warm_up: float = 0.1
    epochs: int = 10
    early_stopping_epochs: int = 3
    batch_size: int = 32
    augmentation: Augmentation | None = AUGMENTATIONS["strong"]
    test_share: float = 0.15
    validation_share: float = 0.15


@dataclass(frozen=True, kw_only=True)
class HeadRecipe(_Experiment):
    """A head that is solved on features: those of `backbone`, or without one the values of the pixels.

    `weights` is a file of a backbone of one's own. With `fine_tuning` the backbone is trained on behind that.
    """

    head: Head
    backbone: "Backbone | None" = None
    weights: Path | None = None
    fine_tuning: FineTuning | None = None


AnyRecipe = Recipe | HeadRecipe


def with_image_size(recipe: AnyRecipe, size: int) -> AnyRecipe:
    """Return the recipe for square pictures of `size` pixels. Raises UsageError if nothing in it sets a size."""
    sized = [step for step in recipe.preprocessing if isinstance(step, Resize | Fit | CentreCrop)]
    if not sized:
        raise UsageError(f"the recipe {recipe.name} has no step of one size; leave out --image-size")
    scale = size / sized[-1].height
    steps: list[Step] = []
    for step in recipe.preprocessing:
        if isinstance(step, Resize | Fit | CentreCrop):
            steps.append(msgspec.structs.replace(step, height=size, width=size))
        elif isinstance(step, ResizeSide):
            steps.append(msgspec.structs.replace(step, length=round(step.length * scale)))
        else:
            steps.append(step)
    return replace(recipe, preprocessing=tuple(steps))


def load_recipe_file(path: Path) -> AnyRecipe:
    """Return the one recipe that the Python file at `path` defines as `RECIPE`; the file is executed.

    Raises UsageError if it fails or defines none.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise UsageError(f"{path}: a recipe is a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # a recipe is somebody's program, which may raise anything
        raise UsageError(f"{path}: the recipe fails with {type(error).__name__}: {reason_of(error)}") from error
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe | HeadRecipe):
        raise UsageError(
            f"{path}: a recipe file must define RECIPE, a training.recipe.Recipe. Received: {recipe!r:.60}"
        )
    return recipe


def require_recipe(name: str, names: list[str]) -> None:
    """Raise UsageError, with the nearest name, unless `name` is one of `names`."""
    if os.sep in name:
        raise UsageError(f"{name}: there is no such folder, data set or recipe")
    if name not in names:
        raise UsageError(f"{unknown_name('recipe', name, names)}, and there is no folder {name}")
