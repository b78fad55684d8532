"""Train a recipe on a data set: where recipe, data, practice and monitor meet."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingExtraError, UsageError
from export.run_folder import RunFolder
from training.batches import Batches, balanced_weights
from training.calibration import fit_temperature, with_temperature
from training.checkpoints import Checkpoints, Which
from training.dataset import Dataset
from training.fit import Course, fit, make_repeatable
from training.history import History
from training.initializers import DEFAULT_INITIALIZER
from training.monitor import Monitor
from training.networks.architecture import Architecture
from training.plots import draw_schedule, save_figure
from training.prepare import Prepared
from training.recipe import Recipe
from training.report import Report, make_report
from training.schedules import curve
from training.split import Split
from training.state import Plan, State, read_state, require_same_plan, restore_state, take_state

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]


@dataclass(frozen=True)
class Practice:
    """What is decided for one training and not by its recipe."""

    seed: int
    initializer: str = DEFAULT_INITIALIZER
    checkpoints: Which = "none"
    keep_last: int = 3
    early_stopping_epochs: int | None = None
    precision: Precision = "float32"
    tensorboard: Path | None = None


@dataclass(frozen=True)
class Material:
    """The data of one training: the set, its arrays, and who is on which side."""

    dataset: Dataset
    prepared: Prepared
    split: Split

    def batches(self, rows: NDArray[np.int64], recipe: Recipe, seed: int | None) -> Batches:
        """Return `rows` in batches; with a `seed` shuffled and weighted as the recipe says, without as they are."""
        weights = np.ones(len(self.dataset.targets), np.float32)
        if seed is not None and recipe.balanced_classes:
            weights[rows] = balanced_weights(self.dataset.targets[rows], len(self.dataset.labels))
        return Batches(self.prepared.arrays, self.dataset.targets, weights, rows, recipe.batch_size, seed)


@dataclass(frozen=True)
class Trained:
    """What came out: the network, its history, and what it did on the held-out images.

    `temperature` is built into the network; `probabilities` [N, classes] are those of the held-out images, in
    order of rows, as the finished network gives them.
    """

    network: keras.Model
    history: History
    report: Report
    temperature: float
    probabilities: NDArray[np.float32]


def train(recipe: Recipe, practice: Practice, material: Material, run: RunFolder, resume: bool) -> Trained:
    """Train, or go on training, and keep `run` current after every epoch.

    The same seed gives the same result again on the same machine, interrupted or not. Raises DivergenceError
    if the loss is not finite, UsageError if `resume` would continue another training.
    """
    make_repeatable(practice.seed)
    if recipe.memory is not None:
        rows = np.sort(material.split.train)
        network = recipe.memory(
            _architecture(material, practice), material.prepared.arrays[rows], material.dataset.targets[rows]
        )
        return _finish(network, History(), material, recipe)
    return _train_by_gradient(recipe, practice, material, run, resume)


def _train_by_gradient(recipe: Recipe, practice: Practice, material: Material, run: RunFolder, resume: bool) -> Trained:
    training = material.batches(material.split.train, recipe, practice.seed)
    held_out = material.batches(np.sort(material.split.held_out), recipe, None)
    network, trainee = _build(recipe, practice, material)
    callbacks = _tensorboard(practice)
    plan = _plan(recipe, practice, material)
    before = read_state(run.state) if resume and run.state.is_file() else State(plan, History(), ())
    require_same_plan(plan, before.plan)
    if before.history.epochs:
        restore_state(before, trainee)
    rates = curve(recipe.schedule, len(training), recipe.epochs)
    save_figure(
        draw_schedule(rates, len(training), f"{recipe.name}: {recipe.schedule.kind} schedule"), run.schedule_plot
    )
    checkpoints = Checkpoints(run.checkpoints, practice.checkpoints, practice.keep_last)
    monitor = Monitor(run, recipe.name, recipe.epochs, len(material.dataset.labels))

    def after_epoch(history: History) -> None:
        checkpoints.after_epoch(history, network)
        monitor.update(history, take_state(plan, history, trainee))

    try:
        course = Course(recipe.schedule, recipe.epochs, practice.early_stopping_epochs)
        history = fit(trainee, training, held_out, course, before.history, after_epoch, callbacks)
        monitor.finish(history)
    finally:
        monitor.close()
    checkpoints.restore_best(network)
    return _finish(_in_float32(network, recipe, practice, material), history, material, recipe)


def _build(recipe: Recipe, practice: Practice, material: Material) -> tuple[keras.Model, keras.Model]:
    """Return the network, and the compiled model that is trained: the same behind the augmentation, if any."""
    keras.config.set_dtype_policy(practice.precision)
    try:
        network = _network(recipe, practice, material)
        layers = recipe.augmentation(practice.seed) if recipe.augmentation else ()
        trainee = keras.Sequential([keras.Input(network.input_shape[1:]), *layers, network]) if layers else network
    finally:
        keras.config.set_dtype_policy("float32")
    trainee.compile(
        optimizer=recipe.optimizer.make(recipe.schedule.rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network, trainee


def _network(recipe: Recipe, practice: Practice, material: Material) -> keras.Model:
    if recipe.network is None:
        raise UsageError(f"the recipe {recipe.name} has no network to train")
    return recipe.network(_architecture(material, practice))


def _architecture(material: Material, practice: Practice) -> Architecture:
    height, width, channels = material.prepared.arrays.shape[1:]
    classes = len(material.dataset.labels)
    return Architecture(height, width, channels, classes, initializer=practice.initializer)


def _in_float32(network: keras.Model, recipe: Recipe, practice: Practice, material: Material) -> keras.Model:
    if practice.precision == "float32":
        return network
    plain = _network(recipe, practice, material)
    plain.set_weights(network.get_weights())
    return plain


def _plan(recipe: Recipe, practice: Practice, material: Material) -> Plan:
    options = {
        "initializer": practice.initializer,
        "precision": practice.precision,
        "early_stopping_epochs": str(practice.early_stopping_epochs),
        "balanced_classes": str(recipe.balanced_classes),
        "schedule": repr(recipe.schedule),
        "optimizer": repr(recipe.optimizer),
    }
    return Plan(recipe.name, material.prepared.digest, practice.seed, recipe.epochs, recipe.batch_size, options)


def _tensorboard(practice: Practice) -> list[keras.callbacks.Callback]:
    if practice.tensorboard is None:
        return []
    if find_spec("tensorboard") is None:
        raise MissingExtraError("--tensorboard needs the package tensorboard; install it with: pip install tensorboard")
    return [keras.callbacks.TensorBoard(str(practice.tensorboard))]


def _finish(network: keras.Model, history: History, material: Material, recipe: Recipe) -> Trained:
    rows = np.sort(material.split.held_out)
    targets = material.dataset.targets[rows]
    images = material.batches(rows, recipe, None).as_dataset().map(lambda x, _y, _w: x)
    temperature = 1.0
    if recipe.memory is None:
        temperature = fit_temperature(network.predict(images, verbose=0), targets)
        network = with_temperature(network, temperature)
    probabilities = network.predict(images, verbose=0)
    report = make_report(material.dataset.labels, targets, probabilities)
    return Trained(network, history, report, temperature, probabilities)
