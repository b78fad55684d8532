"""Train a network in epochs: train, validation (chooses epoch and temperature) and test (reported)."""

import json
import math
import sys
from dataclasses import asdict, dataclass, fields
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from edge.errors import DivergenceError, UsageError
from edge.files import replacing
from export.run_folder import RunFolder
from training.epochs.batches import Batches, class_weights, predict
from training.epochs.history import Epoch, History, Plan, read_state, write_state
from training.job import Job, Predictions, Trained
from training.networks.architecture import Architecture
from training.recipe import AnyRecipe, EpochSettings, Recipe
from training.report.calibration import require_softmax
from training.report.plots import draw_history, save_figure

BEST = "best.keras"


def train_epochs(recipe: Recipe, job: Job) -> Trained:
    """Return the network of the best epoch, calibrated, with its probabilities for the test pictures.

    The same seed gives the same result again on the same machine, interrupted or not.
    """
    precision = job.config.precision
    make_repeatable(job.config.seed)
    network = _build(recipe, job, precision)
    options = {"precision": precision, "initializer": job.config.initializer}
    history = fit(network, recipe, recipe, job, options, None)
    best = _build(recipe, job, "float32")
    best.set_weights(load_best(job).get_weights())
    phase = {"name": "epochs", "epochs": len(history.epochs), "best_epoch": history.best_epoch()}
    return finish_epochs(best, job, (phase,), history)


def make_repeatable(seed: int) -> None:
    """Seed every generator and choose the kernels that give the same sums twice."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _build(recipe: Recipe, job: Job, precision: str) -> keras.Model:
    """Return a new network of the recipe. Raises UsageError if it does not fit the classes or ends in no softmax."""
    classes, shape = len(job.pictures.dataset.labels), job.pictures.preprocessor.shape
    keras.config.set_dtype_policy(precision)
    try:
        network = recipe.network(Architecture(*shape, classes, initializer=job.config.initializer))
    finally:
        keras.config.set_dtype_policy("float32")
    require_softmax(network)
    if precision != "float32":  # in half a probability below 6e-8 is 0, and so is its gradient
        network.layers[-1].dtype_policy = keras.DTypePolicy("float32")
    if network.output_shape[1:] != (classes,):
        raise UsageError(f"{recipe.name}: the network gives {network.output_shape[1:]} numbers for {classes} classes")
    return network


def fit(
    network: keras.Model, settings: EpochSettings, recipe: AnyRecipe, job: Job, options: Plan, baseline: float | None
) -> History:
    """Train `network`, or go on with the training in the run folder, and return its history.

    `options` are further settings that must be the same to go on; UsageError if they are not. `baseline` is the
    validation accuracy of what there was before, for the plot. Raises DivergenceError for a loss that is not finite.
    """
    config, pictures, split, dataset = job.config, job.pictures, job.split, job.pictures.dataset
    weights = np.ones(len(dataset.targets), np.float32)
    if recipe.balanced_classes:
        weights[split.train] = class_weights(dataset.targets[split.train], len(dataset.labels))
    training = Batches(pictures, split.train, settings.batch_size, weights, config.seed, settings.augmentation)
    validation = Batches(pictures, split.validation, settings.batch_size, weights)
    plan = {
        "recipe": recipe.name,
        "data": pictures.digest,
        "preprocessing": repr(pictures.preprocessor.steps),
        "seed": str(config.seed),
        "class weights": str(recipe.balanced_classes),
        **{field.name: repr(getattr(settings, field.name)) for field in fields(EpochSettings)},
        **options,
    }
    steps = len(training)
    optimizer = settings.optimizer.make(steps, settings.epochs)
    network.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = History()
    if config.resume and job.run.state.is_file():
        history = read_state(job.run.state, plan, network)
    with tqdm(total=settings.epochs * steps, initial=len(history.epochs) * steps, unit="step", disable=None) as bar:
        loop = _Loop(settings, job.run, plan, training, history, baseline, bar)
        if not loop.has_stalled():
            logs = [keras.callbacks.TensorBoard(str(config.tensorboard))] if config.tensorboard else []
            network.fit(
                training.as_dataset(),
                epochs=settings.epochs,
                initial_epoch=len(history.epochs),
                validation_data=validation.as_dataset(),
                callbacks=[loop, *logs],
                shuffle=False,
                verbose=0,
            )
    return loop.history


def load_best(job: Job) -> keras.Model:
    """Return the best network of `fit`, by validation accuracy and then loss."""
    return keras.models.load_model(job.run.checkpoints / BEST, compile=False)


def finish_epochs(network: keras.Model, job: Job, phases: tuple[dict[str, Any], ...], history: History) -> Trained:
    """Return `network`, calibrated on the validation part and reported on the test part."""
    validation, test = (
        Predictions(rows, np.concatenate(list(predict(network, job.pictures, rows))))
        for rows in (job.split.validation, job.split.test)
    )
    trained = Trained(network, job.split.train, validation, test, "test", phases, history)
    return trained.calibrated(job.pictures.dataset.targets)


@dataclass(eq=False)
class _Loop(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """What happens around every step and epoch. Progress is a bar on a terminal, and a line an epoch in a log."""

    settings: EpochSettings
    run: RunFolder
    plan: Plan
    batches: Batches
    history: History
    baseline: float | None
    bar: tqdm

    def __post_init__(self) -> None:
        super().__init__()

    def has_stalled(self) -> bool:
        """Whether so many epochs were no better that the training stops early."""
        patience, done = self.settings.early_stopping, len(self.history.epochs)
        return bool(patience and done and done - self.history.best_epoch() >= patience)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 # Keras's signature
        self.batches.epoch = epoch
        self._rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.bar.set_description(f"epoch {epoch + 1}/{self.settings.epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.update()
        if not math.isfinite(logs["loss"]):
            step = f"epoch {len(self.history.epochs) + 1}, step {batch + 1}"
            remedy = "lower the learning rate or look for damaged labels"
            raise DivergenceError(f"the loss became {logs['loss']} in {step}; {remedy}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # A compiled ReLU makes 0 of what is not a number, so that a finite loss may hide it.
        finite = (np.isfinite(keras.ops.convert_to_numpy(weights)).all() for weights in self.model.trainable_weights)
        if not (math.isfinite(logs["val_loss"]) and all(finite)):
            raise DivergenceError(f"after epoch {epoch + 1} the network is no longer finite; lower the learning rate")
        figures = (logs["loss"], logs["accuracy"], logs["val_loss"], logs["val_accuracy"], self._rate)
        self.history = History((*self.history.epochs, Epoch(*map(float, figures))))
        message = f"loss {logs['loss']:.4f}, validation accuracy {logs['val_accuracy']:.2%}"
        self.bar.set_postfix_str(message)
        if self.bar.disable:
            print(f"epoch {epoch + 1}/{self.settings.epochs}: {message}", file=sys.stderr, flush=True)
        if self.history.best_epoch() == epoch + 1:
            with replacing(self.run.checkpoints / BEST) as temporary:  # this way without the optimiser's state
                keras.Model(self.model.inputs, self.model.outputs).save(temporary)
        with replacing(self.run.history) as temporary:
            temporary.write_text(json.dumps(asdict(self.history), indent=2), encoding="utf-8")
        save_figure(draw_history(self.history, self.plan["recipe"], self.baseline), self.run.history_plot)
        write_state(self.run.state, self.plan, self.history, self.model)
        self.model.stop_training = self.has_stalled()
