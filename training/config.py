"""`TrainConfig`: every option of a training, and what the options make of its recipe."""

import dataclasses
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from edge.errors import MissingExtraError, UsageError, unknown_name
from edge.spec import Faces, Glyphs
from training.backbones import find_backbone
from training.data.load import is_dataset
from training.epochs.augmentation import AUGMENTATIONS
from training.networks.architecture import DEFAULT_INITIALIZER, INITIALIZERS
from training.recipe import AnyRecipe, EpochSettings, FineTuning, HeadRecipe, Recipe, ScheduleName, with_image_size
from training.recipes import RECIPES, load_recipe_file
from training.transfer.head import Logistic, NearestNeighbours

# Options that mean something only to a network that is trained in epochs, and those only to a recipe of that kind.
FOR_EPOCHS = ("epochs", "batch_size", "learning_rate", "augment", "early_stopping", "tensorboard")
FOR_RECIPES = ("schedule", "initializer", "precision")
FOR_PHOTOGRAPHS = ("backbone", "weights", "fine_tune")

S = TypeVar("S", bound=EpochSettings)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The options of `eyespot train`; None leaves one to the recipe.

    `target` is a folder of photographs, a known data set, the name of a recipe, or a Python file with one. Raises
    UsageError for a name that is not known.
    """

    target: str
    dataset: str | None = None
    output: Path | None = None
    resume: bool = False
    seed: int = 42
    backbone: str = "efficientnet-lite0"
    weights: Path | None = None
    fine_tune: bool = False
    image_size: int | None = None
    test: str | None = None
    test_share: float | None = None
    limit: int | None = None
    skip_bad: bool = False
    class_weights: Literal["balanced"] | None = None
    regions: Faces | Glyphs | Literal["none"] | None = None
    answer_accuracy: float | None = None
    k: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    augment: str | None = None
    learning_rate: float | None = None
    schedule: ScheduleName | None = None
    early_stopping: int | None = None
    initializer: str = DEFAULT_INITIALIZER
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    tensorboard: Path | None = None
    jobs: int | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("initialiser", self.initializer, INITIALIZERS),
            ("augmentation", self.augment, AUGMENTATIONS),
            ("schedule", self.schedule, get_args(ScheduleName)),
        ):
            if name is not None and name not in known:
                raise UsageError(unknown_name(kind, name, known))
        if self.tensorboard and find_spec("tensorboard") is None:
            raise MissingExtraError("--tensorboard needs the package tensorboard; install it: pip install tensorboard")

    def choose_recipe(self) -> AnyRecipe:
        """Return the recipe with what the options change. Raises UsageError for options that it has no use for."""
        recipe = self._find_recipe()
        regions = recipe.regions if self.regions is None else None if self.regions == "none" else self.regions
        balanced = recipe.balanced_classes or self.class_weights == "balanced"
        recipe = dataclasses.replace(recipe, regions=regions, balanced_classes=balanced)
        if self.k and not (isinstance(recipe, HeadRecipe) and isinstance(recipe.head, NearestNeighbours)):
            raise UsageError(f"--k counts the neighbours of knn, and {recipe.name} has none")
        if isinstance(recipe, Recipe):
            return self._change_epochs(recipe)
        self._refuse(FOR_RECIPES, f"is for networks that are trained from random weights; {recipe.name} is not")
        if self.k:
            recipe = dataclasses.replace(recipe, head=NearestNeighbours(self.k))
        if recipe.fine_tuning:
            return dataclasses.replace(recipe, fine_tuning=self._change_epochs(recipe.fine_tuning))
        also = ", or with --fine-tune" if recipe.backbone else ""
        self._refuse(FOR_EPOCHS, f"is for training in epochs{also}; {recipe.name} is solved in one step")
        return recipe

    def _find_recipe(self) -> AnyRecipe:
        """Return the recipe that `target` names, for pictures of `image_size`."""
        is_file = self.target.endswith(".py")
        if is_file or self.target in RECIPES:
            self._refuse(FOR_PHOTOGRAPHS, "is for a folder of photographs, which 'eyespot train FOLDER' takes")
            recipe = load_recipe_file(Path(self.target)) if is_file else RECIPES[self.target]
            return with_image_size(recipe, self.image_size) if self.image_size else recipe
        if os.sep in self.target and not is_dataset(self.target):
            raise UsageError(f"{self.target}: there is no such folder, data set or recipe")
        if not is_dataset(self.target):
            unknown = unknown_name("recipe", self.target, RECIPES)
            raise UsageError(f"{unknown}, and there is no folder {self.target}")
        if self.dataset:
            raise UsageError(f"{self.target} is the data set to train on; leave out --dataset {self.dataset}")
        backbone = find_backbone(self.backbone)
        size = self.image_size or backbone.image_size
        return HeadRecipe(
            name=f"photographs-{backbone.name}",
            summary=f"{backbone.name}, {size}x{size}, logistic head",
            dataset=self.target,
            preprocessing=(*backbone.geometry(size), *backbone.values),
            head=Logistic(),
            backbone=backbone,
            weights=self.weights,
            fine_tuning=FineTuning() if self.fine_tune else None,
        )

    def _change_epochs(self, settings: S) -> S:
        chosen = {"rate": self.learning_rate, "schedule": self.schedule}
        optimizer: dict[str, Any] = {name: value for name, value in chosen.items() if value}
        names = ("epochs", "batch_size", "early_stopping", "test_share")
        changes: dict[str, Any] = {name: value for name in names if (value := getattr(self, name))}
        if self.augment:
            changes["augmentation"] = AUGMENTATIONS[self.augment]
        return dataclasses.replace(settings, optimizer=dataclasses.replace(settings.optimizer, **optimizer), **changes)

    def _refuse(self, options: tuple[str, ...], reason: str) -> None:
        """Raise UsageError if one of `options` is not what it is by default."""
        for option in dataclasses.fields(self):
            if option.name in options and getattr(self, option.name) != option.default:
                raise UsageError(f"--{option.name.replace('_', '-')} {reason}")
