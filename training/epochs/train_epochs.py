"""Train the network of a recipe in epochs: train, validation (chooses epoch and temperature) and test (reported)."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.files import replacing
from export.evaluation import fit_temperature
from export.run_folder import RunFolder
from training.config import TrainConfig
from training.epochs.augmentation import Augmentation
from training.epochs.batches import Batches, class_weights
from training.epochs.checkpoints import (
    Checkpoints,
    Plan,
    read_state,
    require_same_plan,
    restore_state,
    take_state,
    write_state,
)
from training.epochs.fit import FitConfig, fit, make_repeatable, predict
from training.epochs.history import History
from training.epochs.schedules import Schedule, curve
from training.material import Material, Trained
from training.networks.architecture import DEFAULT_INITIALIZER, Architecture
from training.recipe import Recipe
from training.report.calibration import require_softmax, with_temperature
from training.report.plots import draw_history, draw_schedule, save_figure

# More steps than these could not be told apart in the picture of the schedule, and millions take minutes.
DRAWN_STEPS = 2000


def train_epochs(recipe: Recipe, config: TrainConfig, material: Material, run: RunFolder) -> Trained:
    """Return the network of the best epoch, calibrated, with its probabilities for the test pictures.

    The same seed gives the same result again on the same machine, interrupted or not.
    """
    split, targets = material.split, material.prepared.dataset.targets
    loop = Loop(material, run, config, recipe.batch_size, recipe.augmentation, recipe.balanced_classes)
    make_repeatable(config.seed)
    precision = config.precision or "float32"
    with _strategy_scope(config, precision):
        network = _build(recipe, material, config, precision)
        network.compile(
            recipe.optimizer.make(recipe.schedule.rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
    save_schedule(run, recipe.schedule, -(-len(split.train) // recipe.batch_size), recipe.epochs, recipe.name)
    fit_config = FitConfig(recipe.schedule, recipe.epochs, config.early_stopping)
    options = {"optimizer": repr(recipe.optimizer), "precision": precision, "strategy": config.strategy or "none"}
    options["initializer"] = config.initializer or DEFAULT_INITIALIZER
    history = loop.run(network, fit_config, recipe.name, options)
    best = _build(recipe, material, config, "float32")  # in float32 and on one device, however it was trained
    best.set_weights(keras.models.load_model(loop.checkpoints.best, compile=False).get_weights())
    validation = predict(best, loop.batches(split.validation))
    temperature = fit_temperature(validation, targets[split.validation])
    best = with_temperature(best, temperature)
    return Trained(
        network=best,
        temperature=temperature,
        evaluated_on="test",
        rows=split.test,
        probabilities=predict(best, loop.batches(split.test)),
        calibration_rows=split.validation,
        calibration_probabilities=predict(best, loop.batches(split.validation)),
        trained_rows=split.train,
        phases=({"name": "epochs", "epochs": len(history.epochs), "best_epoch": history.best_epoch()},),
        history=history,
    )


class Loop:
    """The training loop of one run: it keeps history, state and checkpoints current after every epoch."""

    def __init__(
        self,
        material: Material,
        run: RunFolder,
        config: TrainConfig,
        batch_size: int,
        augmentation: Augmentation | None,
        balanced: bool,
    ) -> None:
        self._material, self._run, self._config = material, run, config
        self._size, self._augmentation, self._balanced = batch_size, augmentation, balanced
        self.checkpoints = Checkpoints(run.checkpoints, config.keep_checkpoints or 0)

    def batches(self, rows: NDArray[np.int64], *, training: bool = False) -> Batches:
        """Return rows in batches: for training shuffled, weighted and augmented, else as they are."""
        dataset, pictures = self._material.prepared.dataset, self._material.prepared.pictures
        weights = np.ones(len(dataset.targets), np.float32)
        if not training:
            return Batches(pictures, dataset.targets, weights, rows, self._size)
        if self._balanced:
            weights[rows] = class_weights(dataset.targets[rows], len(dataset.labels))
        return Batches(pictures, dataset.targets, weights, rows, self._size, self._config.seed, self._augmentation)

    def run(
        self,
        network: keras.Model,
        fit_config: FitConfig,
        name: str,
        options: dict[str, str],
        baseline: float | None = None,
    ) -> History:
        """Train the compiled `network`, or go on with the training that the run folder holds; return its history.

        `options` are those that change the course; another one than before is a UsageError. `baseline` is the
        validation accuracy of what was there before, for the picture.
        """
        plan = self._plan(fit_config, name, options)
        history = History()
        if self._config.resume and self._run.state.is_file():
            state = read_state(self._run.state)
            require_same_plan(plan, state.plan)
            restore_state(state, network)
            history = state.history

        def after_epoch(current: History) -> None:
            self.checkpoints.after_epoch(current, network)
            write_state(take_state(plan, current, network), self._run.state)
            record_history(self._run, current, name, baseline)

        callbacks = [keras.callbacks.TensorBoard(str(self._config.tensorboard))] if self._config.tensorboard else []
        split = self._material.split
        training, validation = self.batches(split.train, training=True), self.batches(split.validation)
        return fit(network, training, validation, fit_config, history, after_epoch, callbacks)

    def _plan(self, fit_config: FitConfig, name: str, options: dict[str, str]) -> Plan:
        prepared = self._material.prepared
        options = {
            # The digest of the data does not tell which folder of a path is the class.
            "labels": prepared.dataset.describe_labels(),
            "preprocessing": repr(prepared.pictures.geometry),
            "schedule": repr(fit_config.schedule),
            "early_stopping": str(fit_config.early_stopping_epochs),
            "class_weights": str(self._balanced),
            "augmentation": repr(self._augmentation),
            **options,
        }
        return Plan(name, prepared.digest, self._config.seed, fit_config.epochs, self._size, options)


def record_history(run: RunFolder, history: History, name: str, baseline: float | None) -> None:
    """Write the history as figures and as a picture."""
    with replacing(run.history) as temporary:
        temporary.write_text(json.dumps(asdict(history), indent=2), encoding="utf-8")
    save_figure(draw_history(history, name, baseline), run.history_plot)


def save_schedule(run: RunFolder, schedule: Schedule, steps_per_epoch: int, epochs: int, name: str) -> None:
    """Draw the learning rate of the epochs to come."""
    every = max(1, steps_per_epoch * epochs // DRAWN_STEPS)
    rates = curve(schedule, steps_per_epoch, epochs, every)
    save_figure(draw_schedule(rates, steps_per_epoch / every, f"{name}: {schedule.kind}"), run.schedule_plot)


def _build(recipe: Recipe, material: Material, config: TrainConfig, precision: str) -> keras.Model:
    """Return a new network of the recipe. Raises UsageError if it does not fit the pictures or ends in no softmax."""
    height, width, channels = material.prepared.pictures.shape
    initializer = config.initializer or DEFAULT_INITIALIZER
    classes = len(material.prepared.dataset.labels)
    keras.config.set_dtype_policy(precision)
    try:
        network = recipe.network(Architecture(height, width, channels, classes, initializer=initializer))
    finally:
        keras.config.set_dtype_policy("float32")
    require_softmax(network)
    if precision != "float32":  # in half a probability below 6e-8 is 0, and so is its gradient
        network.layers[-1].dtype_policy = keras.DTypePolicy("float32")
    if network.output_shape[1:] != (classes,):
        raise UsageError(f"{recipe.name}: the network gives {network.output_shape[1:]} numbers for {classes} classes")
    return network


def _strategy_scope(config: TrainConfig, precision: str) -> AbstractContextManager[object]:
    """Return the scope in which Keras spreads a network over all GPUs, where that is asked for."""
    if config.strategy != "mirrored":
        return nullcontext()
    if precision == "mixed_float16":
        # Keras scales the loss on each device by itself, and the first decides for all which update overflowed.
        raise UsageError("mixed_float16 cannot be spread over several devices; take --precision mixed_bfloat16")
    scope: AbstractContextManager[object] = tf.distribute.MirroredStrategy().scope()
    return scope
