"""Train a classifier: from a configuration to a run folder that export reads."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from msgspec.structs import replace

from edge.errors import DatasetError, InstallationError, UsageError
from edge.files import cache_folder
from edge.runtime import usable_cores
from edge.spec import ModelSpec
from export.evaluation import find_threshold
from export.run_folder import RunFolder
from training.checks import check_data, check_result
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.data.load import load_dataset, require_outside
from training.data.prepare import Prepared, prepare
from training.data.split import Split, split_dataset
from training.data.store import Store
from training.epochs.history import diagnose
from training.epochs.train_epochs import train_epochs
from training.material import Material, Trained
from training.recipe import AnyRecipe, HeadRecipe
from training.report.evaluation import Evaluation, evaluate, write_evaluation
from training.report.report import Finding
from training.run import claimed_run_folder, describe_model, finish_run, require_free
from training.transfer.train_head import train_head


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its spec, how good it is, and what a person should know about it."""

    path: Path
    spec: ModelSpec
    evaluation: Evaluation
    findings: tuple[Finding, ...]

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1, on pictures that the classifier was not fitted on."""
        return self.evaluation.report.accuracy

    def __fspath__(self) -> str:
        return str(self.path)


def train(target: str, **options: Any) -> Run:
    """Train a classifier and write its run folder; this is what `eyespot train` does.

    Args:
        target: A folder of photographs with one folder a class, a known data set, the name of a recipe, or a Python
            file with one.
        **options: Fields of `TrainConfig`, which are the options of the command: `output`, `backbone`, `fine_tune`,
            `dataset`, `seed`, and so on.

    Raises EyespotError for data, options or an output that cannot be used, DivergenceError for a loss that is not
    finite; KeyboardInterrupt leaves what `resume=True` goes on from.
    """
    paths = {name: Path(options[name]) for name in ("output", "weights", "tensorboard") if options.get(name)}
    return run_training(TrainConfig(target=target, **(options | paths)))


def run_training(config: TrainConfig) -> Run:
    """Train as `config` says; progress and what is worth knowing go to standard error."""
    recipe = config.choose_recipe()
    _say(f"training on {_choose_device(config)}")
    dataset, output = _load(recipe, config)
    with claimed_run_folder(output, config.resume) as run, Store(cache_folder()) as store:
        prepared = prepare(dataset, recipe.preprocessing, store, config.skip_bad, config.jobs)
        split = _split(prepared, recipe, config)
        findings = check_data(prepared, split, recipe.balanced_classes)
        material = Material(prepared, split, store, cache_folder())
        trained = _train(recipe, config, material, run)
        return _finish(trained, recipe, config, material, run, findings)


def _train(recipe: AnyRecipe, config: TrainConfig, material: Material, run: RunFolder) -> Trained:
    return (
        train_head(recipe, config, material, run)
        if isinstance(recipe, HeadRecipe)
        else train_epochs(recipe, config, material, run)
    )


def _finish(
    trained: Trained, recipe: AnyRecipe, config: TrainConfig, material: Material, run: RunFolder, found: list[Finding]
) -> Run:
    """Judge what was trained, write the run folder and say what is worth knowing."""
    prepared, targets = material.prepared, material.prepared.dataset.targets
    labels, threshold = prepared.dataset.labels, None
    if config.answer_accuracy is not None:
        threshold = find_threshold(
            trained.calibration_probabilities, targets[trained.calibration_rows], config.answer_accuracy
        )
    reported = prepared.dataset.select(trained.rows)
    report, mistakes = evaluate(
        reported.names,
        reported.targets,
        labels,
        trained.probabilities,
        threshold,
        prepared.dataset.name,
        trained.evaluated_on,
    )
    findings = [*found, *check_result(report, trained.temperature)]
    if trained.history.epochs:
        findings += [Finding("history", text) for text in diagnose(trained.history, len(labels))]
    evaluation = Evaluation(replace(report, phases=trained.phases, warnings=tuple(findings)), mistakes)
    spec = describe_model(trained, recipe, config, material, evaluation.report, threshold, run.path.resolve().name)
    write_evaluation(evaluation, reported, spec.name, run.evaluation)
    finish_run(trained, spec, material, run)
    for finding in findings:
        _say(f"warning: {finding.message}")
    if answers := report.answers:
        _say(f"unsure below {answers.below:.2%}; {answers.answered:.2%} of the images are answered")
    if report.suspects:
        _say(
            f"{report.suspects:,} images are probably labelled wrong; see them: "
            f"eyespot annotate --suspects {run.suspects}"
        )
    return Run(run.path, spec, evaluation, tuple(findings))


def _load(recipe: AnyRecipe, config: TrainConfig) -> tuple[Dataset, Path]:
    """Return the data set, of which only the names were read, and where the run goes. Raises before hours of work."""
    name = config.dataset or recipe.dataset
    if not name:
        raise UsageError(f"the recipe {recipe.name} has no data set of its own; name one with --dataset")
    dataset = load_dataset(name, config.class_depth, test=config.test, limit=config.limit, seed=config.seed)
    if recipe.classes is not None and len(dataset.labels) != recipe.classes:
        raise DatasetError(
            f"the recipe {recipe.name} is for {recipe.classes} classes. Received: {len(dataset.labels)} in {name}; "
            "give the folder above them, with --class-depth if need be, or take another recipe"
        )
    output = config.output or Path(f"runs/{dataset.name if config.target == name else f'{recipe.name}-{dataset.name}'}")
    for written in filter(None, (output, config.tensorboard)):
        require_outside(written, name)
    require_free(output, config.resume)
    return dataset, output


def _split(prepared: Prepared, recipe: AnyRecipe, config: TrainConfig) -> Split:
    """Divide the pictures: three parts for what is trained in epochs; a head alone needs no validation part."""
    if isinstance(recipe, HeadRecipe):
        tuning = recipe.fine_tuning
        shares = (tuning.test_share, tuning.validation_share) if tuning else (config.test_share or 0.0, 0.0)
    else:
        shares = recipe.test_share, recipe.validation_share
    split = split_dataset(prepared.dataset, prepared.hashes, config.seed, *shares)
    repeated = int((split.origin != np.arange(len(split.origin))).sum())
    parts = [("to train on", split.train), ("for validation", split.validation), ("for test", split.test)]
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts if len(rows))
    _say(
        f"{len(prepared.dataset.labels)} classes, {counts}"
        + (f"; {repeated:,} copies stay together" if repeated else "")
    )
    return split


def _choose_device(config: TrainConfig) -> str:
    """Make TensorFlow use what `config` says and return a description of it. Raises InstallationError."""
    if config.jobs:
        with suppress(RuntimeError):  # TensorFlow, once it was used, keeps the number that it began with
            tf.config.threading.set_intra_op_parallelism_threads(config.jobs)
            tf.config.threading.set_inter_op_parallelism_threads(config.jobs)
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise InstallationError("TensorFlow finds no GPU here; check the driver with 'nvidia-smi', or say --device cpu")
    if config.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif gpus:
        return f"{len(gpus)} GPU" + ("s" if len(gpus) > 1 else "")
    cores = config.jobs or usable_cores()
    return f"the CPU, {cores} core" + ("" if cores == 1 else "s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
