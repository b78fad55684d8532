"""Train a recipe on a data set: where recipe, data, practice and monitor meet."""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from export.run_folder import RunFolder
from training.batches import Batches, balanced_weights
from training.build import build_trainee, copy_plain
from training.checkpoints import Checkpoints
from training.dataset import Dataset
from training.fit import Course, fit, make_repeatable
from training.history import History
from training.meeting import meet
from training.monitor import watching
from training.networks.architecture import Architecture
from training.practice import Practice
from training.prepare import Prepared
from training.recipe import Recipe
from training.report import Report, make_report
from training.split import Split
from training.state import Plan, State, parse_state, require_same_plan, restore_state, take_state
from training.strategy import make_replicas
from training.temperature import fit_temperature, with_temperature


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
    if the loss is not finite, UsageError if `resume` would continue another training, WorkerLostError if another
    worker stops.
    """
    if recipe.memory is not None:
        return _remember(recipe, practice, material)
    ready = _make_ready(recipe, practice, material, _read_state(run) if resume else b"", str(run.state))
    checkpoints = Checkpoints(run.checkpoints, practice.checkpoints, practice.keep_last)
    with watching(run, recipe, len(ready.training), len(material.dataset.labels)) as monitor:

        def after_epoch(history: History) -> None:
            checkpoints.after_epoch(history, ready.network)
            monitor.update(history, take_state(ready.plan, history, ready.trainee))

        history = ready.fit(after_epoch, practice.callbacks())
        monitor.finish(history)
    network = ready.network
    if ready.course.replicas or practice.precision != "float32":
        network = copy_plain(network, recipe, _architecture(material, practice))
    checkpoints.restore_best(network)
    return _finish(network, history, material, recipe)


def assist(recipe: Recipe, practice: Practice, material: Material) -> None:
    """Take part in a training as a worker that is not the chief; `train` says what is raised."""
    _make_ready(recipe, practice, material, b"", "what the chief sent").fit(lambda _: None, ())


@dataclass(frozen=True)
class _Ready:
    """All that stands before the first step: the network, the model that is trained, and the history it goes on from.

    The state that it goes on from is not among it: its variables would be held twice until the training ends.
    """

    network: keras.Model
    trainee: keras.Model
    training: Batches
    held_out: Batches
    course: Course
    plan: Plan
    history: History

    def fit(self, after_epoch: Callable[[History], None], callbacks: Sequence[keras.callbacks.Callback]) -> History:
        return fit(self.trainee, self.training, self.held_out, self.course, self.history, after_epoch, callbacks)


def _make_ready(recipe: Recipe, practice: Practice, material: Material, state: bytes, where: str) -> _Ready:
    """Build everything; `state`, read from `where`, is that of a training to be continued, or nothing."""
    make_repeatable(practice.seed)
    plan, spread = _plan(recipe, practice, material), practice.spread
    if state:
        require_same_plan(plan, parse_state(BytesIO(state), where).plan)
    if spread.cluster:
        state = meet(spread.cluster, plan, state, spread.timeout_s, lambda line: print(line, file=sys.stderr))
    before = parse_state(BytesIO(state), where) if state else State(plan, History(), ())
    replicas = make_replicas(spread)
    with replicas.strategy.scope() if replicas else nullcontext():
        architecture = _architecture(material, practice)
        network, trainee = build_trainee(recipe, architecture, practice.precision, practice.seed)
        if before.history.epochs:
            restore_state(before, trainee)
    training = material.batches(material.split.train, recipe, practice.seed)
    held_out = material.batches(np.sort(material.split.held_out), recipe, None)
    course = Course(recipe.schedule, recipe.epochs, practice.early_stopping_epochs, replicas)
    return _Ready(network, trainee, training, held_out, course, plan, before.history)


def _read_state(run: RunFolder) -> bytes:
    return run.state.read_bytes() if run.state.is_file() else b""


def _remember(recipe: Recipe, practice: Practice, material: Material) -> Trained:
    if recipe.memory is None or practice.spread.strategy != "none":
        raise UsageError(f"the recipe {recipe.name} is not trained in steps; leave out --strategy")
    make_repeatable(practice.seed)
    rows = np.sort(material.split.train)
    arrays, targets = material.prepared.arrays[rows], material.dataset.targets[rows]
    return _finish(recipe.memory(_architecture(material, practice), arrays, targets), History(), material, recipe)


def _architecture(material: Material, practice: Practice) -> Architecture:
    height, width, channels = material.prepared.arrays.shape[1:]
    classes = len(material.dataset.labels)
    return Architecture(height, width, channels, classes, initializer=practice.initializer)


def _plan(recipe: Recipe, practice: Practice, material: Material) -> Plan:
    options = {
        # The digest of the data does not tell which folder of a path is the class.
        "labels": material.dataset.describe_labels(),
        "initializer": practice.initializer,
        "precision": practice.precision,
        "early_stopping_epochs": str(practice.early_stopping_epochs),
        "balanced_classes": str(recipe.balanced_classes),
        "schedule": repr(recipe.schedule),
        "optimizer": repr(recipe.optimizer),
        "strategy": practice.spread.strategy,
        # The best network is there at the end only if it was kept from the beginning.
        "keeps_best": str(practice.checkpoints != "none"),
    }
    return Plan(recipe.name, material.prepared.digest, practice.seed, recipe.epochs, recipe.batch_size, options)


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
