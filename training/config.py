"""`TrainConfig`: every option of a training, and what the options make of its recipe."""

import dataclasses
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from edge.cli import unknown_name
from edge.errors import MissingExtraError, UsageError
from edge.spec import Faces, Glyphs
from training.backbones import find_backbone
from training.data.load import is_dataset
from training.epochs.augmentation import AUGMENTATIONS
from training.epochs.schedules import Constant, Cosine, Plateau, Schedule, StepDecay, TimeDecay
from training.networks.architecture import DEFAULT_INITIALIZER, require_initializer
from training.recipe import AnyRecipe, FineTuning, HeadRecipe, Recipe, load_recipe_file, require_recipe, with_image_size
from training.recipes import RECIPE_MODULES, load_recipe
from training.transfer.head import Logistic, NearestNeighbours

DEFAULT_SEED = 42
DEFAULT_BACKBONE = "efficientnet-lite0"
# Starter Bundle, chapter 16: the factor that did better there, and how often the rate drops.
STEP_FACTOR, STEP_EVERY_EPOCHS = 0.5, 5
# Keras's ReduceLROnPlateau has this factor; its patience of 10 epochs is longer than many recipes train.
PLATEAU_FACTOR, PLATEAU_PATIENCE_EPOCHS = 0.1, 5

SCHEDULES = ("constant", "time-decay", "step-decay", "cosine", "plateau")
SCHEDULE_OPTIONS = {
    "schedule_decay": "decay",
    "schedule_factor": "factor",
    "schedule_every": "every_epochs",
    "schedule_patience": "patience_epochs",
}
# Options that mean something only to a network that is trained in epochs, and those only to a recipe of that kind.
FOR_EPOCHS = (
    *("epochs", "batch_size", "learning_rate", "augment", "early_stopping", "keep_checkpoints", "tensorboard"),
)
FOR_RECIPES = ("schedule", *SCHEDULE_OPTIONS, "initializer", "precision", "strategy")
FOR_PHOTOGRAPHS = ("backbone", "weights", "fine_tune")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `eyespot train` is told; None leaves an option to the recipe.

    `target` is a folder of photographs, a known data set, the name of a recipe, or a Python file with one. Raises
    UsageError for options that do not go together.
    """

    target: str
    dataset: str | None = None
    output: Path | None = None
    resume: bool = False
    seed: int = DEFAULT_SEED
    backbone: str | None = None
    weights: Path | None = None
    fine_tune: bool = False
    image_size: int | None = None
    class_depth: int = 0
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
    schedule: str | None = None
    schedule_decay: float | None = None
    schedule_factor: float | None = None
    schedule_every: int | None = None
    schedule_patience: int | None = None
    early_stopping: int | None = None
    keep_checkpoints: int | None = None
    initializer: str | None = None
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] | None = None
    strategy: Literal["none", "mirrored"] | None = None
    tensorboard: Path | None = None
    jobs: int | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"

    def __post_init__(self) -> None:
        require_initializer(self.initializer or DEFAULT_INITIALIZER)
        if self.augment is not None and self.augment not in AUGMENTATIONS:
            raise UsageError(unknown_name("augmentation", self.augment, list(AUGMENTATIONS)))
        if self.schedule is not None and self.schedule not in SCHEDULES:
            raise UsageError(unknown_name("schedule", self.schedule, list(SCHEDULES)))
        if self.tensorboard and find_spec("tensorboard") is None:
            raise MissingExtraError("--tensorboard needs the package tensorboard; install it: pip install tensorboard")

    def choose_recipe(self) -> AnyRecipe:
        """Return the recipe with what the options change. Raises UsageError for options that it has no use for."""
        recipe = self._find_recipe()
        regions = recipe.regions if self.regions is None else None if self.regions == "none" else self.regions
        balanced = recipe.balanced_classes or self.class_weights == "balanced"
        recipe = dataclasses.replace(recipe, regions=regions, balanced_classes=balanced)
        if self.image_size and not self._is_photographs:
            recipe = with_image_size(recipe, self.image_size)
        return self._change_head(recipe) if isinstance(recipe, HeadRecipe) else self._change_epochs(recipe)

    @property
    def _is_photographs(self) -> bool:
        return self.target not in RECIPE_MODULES and not self.target.endswith(".py")

    def _find_recipe(self) -> AnyRecipe:
        if self._is_photographs:
            if not is_dataset(self.target):
                require_recipe(self.target, list(RECIPE_MODULES))
            return self._photographs()
        self._refuse(FOR_PHOTOGRAPHS, "is for a folder of photographs, which 'eyespot train FOLDER' takes")
        return load_recipe_file(Path(self.target)) if self.target.endswith(".py") else load_recipe(self.target)

    def _photographs(self) -> HeadRecipe:
        """Return the recipe of a folder of photographs: a pretrained backbone with a logistic head."""
        if self.dataset:
            raise UsageError(f"{self.target} is the data set to train on; leave out --dataset {self.dataset}")
        backbone = find_backbone(self.backbone or DEFAULT_BACKBONE)
        size = self.image_size or backbone.image_size
        return HeadRecipe(
            name=f"photographs-{backbone.name}",
            summary=f"{backbone.name}, {size}x{size}, logistic head",
            source="own",
            reported="-",
            dataset=self.target,
            preprocessing=(*backbone.geometry(size), *backbone.values),
            head=Logistic(),
            backbone=backbone,
            weights=self.weights,
            fine_tuning=FineTuning() if self.fine_tune else None,
        )

    def _change_head(self, recipe: HeadRecipe) -> HeadRecipe:
        self._refuse(FOR_RECIPES, f"is for networks that are trained from nothing, which {recipe.name} is not")
        if isinstance(recipe.head, NearestNeighbours) and self.k:
            recipe = dataclasses.replace(recipe, head=dataclasses.replace(recipe.head, k=self.k))
        elif self.k:
            raise UsageError(f"--k counts the neighbours of knn, and {recipe.name} has none")
        if recipe.fine_tuning is None:
            also = ", or with --fine-tune" if recipe.backbone else ""
            self._refuse(FOR_EPOCHS, f"is for training in epochs{also}; {recipe.name} is solved in one step")
            return recipe
        changes: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "rate": self.learning_rate,
            "early_stopping_epochs": self.early_stopping,
            "test_share": self.test_share,
        }
        tuning = dataclasses.replace(recipe.fine_tuning, **{name: value for name, value in changes.items() if value})
        if self.augment:
            tuning = dataclasses.replace(tuning, augmentation=AUGMENTATIONS[self.augment])
        return dataclasses.replace(recipe, fine_tuning=tuning)

    def _change_epochs(self, recipe: Recipe) -> Recipe:
        if self.k:
            raise UsageError(f"--k counts the neighbours of knn, and {recipe.name} has none")
        changes = {"epochs": self.epochs, "batch_size": self.batch_size, "test_share": self.test_share}
        recipe = dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value})  # type: ignore[arg-type]
        if self.augment:
            recipe = dataclasses.replace(recipe, augmentation=AUGMENTATIONS[self.augment])
        return dataclasses.replace(recipe, schedule=self._choose_schedule(recipe))

    def _choose_schedule(self, recipe: Recipe) -> Schedule:
        """Return the recipe's schedule with what the options change of it. Raises UsageError for a wrong parameter."""
        rate = self.learning_rate or recipe.schedule.rate
        kind = self.schedule or recipe.schedule.kind
        defaults: dict[str, Schedule] = {
            Constant.kind: Constant(rate),
            TimeDecay.kind: TimeDecay(rate, decay=rate / recipe.epochs),  # chapter 15
            StepDecay.kind: StepDecay(rate, STEP_FACTOR, STEP_EVERY_EPOCHS),
            Cosine.kind: Cosine(rate),
            Plateau.kind: Plateau(rate, PLATEAU_FACTOR, PLATEAU_PATIENCE_EPOCHS),
        }
        base = recipe.schedule if kind == recipe.schedule.kind else defaults[kind]
        changes = {"rate": rate}
        for option, name in SCHEDULE_OPTIONS.items():
            value = getattr(self, option)
            if value is None:
                continue
            if not hasattr(base, name):
                owners = [known for known, schedule in defaults.items() if hasattr(schedule, name)]
                raise UsageError(
                    f"{_flag(option)} belongs to {' and '.join(owners)}, and the schedule is {kind}; "
                    "choose another with --schedule, or leave it out"
                )
            changes[name] = value
        return dataclasses.replace(base, **changes)  # type: ignore[arg-type]  # each schedule has its own fields

    def _refuse(self, options: tuple[str, ...], reason: str) -> None:
        for option in options:
            if getattr(self, option) not in (None, False):
                raise UsageError(f"{_flag(option)} {reason}")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"
