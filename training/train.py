"""Train a classifier: from a configuration to a run folder that export reads."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import tensorflow as tf

from edge.errors import DatasetError, InstallationError, UsageError
from edge.runtime import usable_cores
from edge.spec import ModelSpec
from export.evaluation import find_threshold
from training.checks import check_data, check_result
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.data.load import load_dataset, require_outside
from training.data.prepare import Pictures, prepare
from training.data.split import Split, split_dataset
from training.data.store import Store, cache_folder
from training.epochs.train_epochs import train_epochs
from training.job import Job, Trained
from training.recipe import AnyRecipe, Recipe
from training.report.evaluation import Evaluation, evaluate, write_evaluation
from training.report.report import Finding
from training.run import claimed_run_folder, describe_model, finish_run
from training.transfer.train_head import train_head


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its spec, how good it is, and its mistakes."""

    path: Path
    spec: ModelSpec
    evaluation: Evaluation

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1, on pictures that the classifier was not fitted on."""
        return self.evaluation.report.accuracy

    def __fspath__(self) -> str:
        return str(self.path)


def train(target: str, **options: Any) -> Run:
    """Train a classifier and write its run folder; this is what `eyespot train` does.

    `target` is a folder of photographs with one folder for each class, a known data set, the name of a recipe, or a
    Python file with one; `options` are the fields of `TrainConfig`: `output`, `backbone`, `fine_tune`, and so on.

    Progress and warnings go to standard error. Raises EyespotError for data, options or an output that cannot be used,
    DivergenceError for a loss that is not finite; after KeyboardInterrupt `resume=True` goes on.
    """
    paths = {name: Path(options[name]) for name in ("output", "weights", "tensorboard") if options.get(name)}
    config = TrainConfig(target=target, **(options | paths))
    recipe = config.choose_recipe()
    _say(f"training on {_choose_device(config)}")
    dataset, output = _load(recipe, config)
    with claimed_run_folder(output, config.resume) as run, Store(cache_folder()) as store:
        pictures = prepare(dataset, recipe.preprocessing, store, config.skip_bad, config.jobs)
        split = _split(pictures, recipe, config)
        findings = [*check_data(pictures, split, recipe.balanced_classes)]
        job = Job(config, pictures, split, run)
        trained = train_epochs(recipe, job) if isinstance(recipe, Recipe) else train_head(recipe, job)
        return _finish(trained, recipe, job, findings)


def _choose_device(config: TrainConfig) -> str:
    """Make TensorFlow use what `config` says and return a description of it. Raises InstallationError."""
    if config.jobs:
        with suppress(RuntimeError):  # once it was used, TensorFlow keeps its number of threads
            tf.config.threading.set_intra_op_parallelism_threads(config.jobs)
            tf.config.threading.set_inter_op_parallelism_threads(config.jobs)
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise InstallationError("TensorFlow finds no GPU here; check the driver with 'nvidia-smi', or say --device cpu")
    if config.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif gpus:
        return f"GPUs: {len(gpus)}"
    return f"the CPU, cores: {config.jobs or usable_cores()}"


def _load(recipe: AnyRecipe, config: TrainConfig) -> tuple[Dataset, Path]:
    """Return the data set, of which only the names were read, and where the run goes."""
    name = config.dataset or recipe.dataset
    if not name:
        raise UsageError(f"the recipe {recipe.name} has no data set; name one with --dataset")
    dataset = load_dataset(name, test=config.test, limit=config.limit, seed=config.seed)
    if recipe.classes is not None and len(dataset.labels) != recipe.classes:
        rule = f"the recipe {recipe.name} is for {recipe.classes} classes"
        remedy = "give the folder above these classes, or take another recipe"
        raise DatasetError(f"{rule}. Received: {len(dataset.labels)} in {name}; {remedy}")
    output = config.output or Path(f"runs/{dataset.name if config.target == name else f'{recipe.name}-{dataset.name}'}")
    for written in filter(None, (output, config.tensorboard)):
        require_outside(written, name)
    return dataset, output


def _split(pictures: Pictures, recipe: AnyRecipe, config: TrainConfig) -> Split:
    """Divide the pictures: three parts for what is trained in epochs; a head alone needs no validation part."""
    settings = recipe if isinstance(recipe, Recipe) else recipe.fine_tuning
    shares = (settings.test_share, settings.validation_share) if settings else (config.test_share or 0.0, 0.0)
    split = split_dataset(pictures.dataset, pictures.hashes, config.seed, *shares)
    repeated = int((split.origin != np.arange(len(split.origin))).sum())
    parts = [("to train on", split.train), ("for validation", split.validation), ("for test", split.test)]
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts if len(rows))
    copies = f"; {repeated:,} copies stay together" if repeated else ""
    _say(f"{len(pictures.dataset.labels)} classes, {counts}{copies}")
    return split


def _finish(trained: Trained, recipe: AnyRecipe, job: Job, found: list[Finding]) -> Run:
    """Evaluate what was trained, write the run folder and say what a user should know."""
    run, dataset, wanted = job.run, job.pictures.dataset, job.config.answer_accuracy
    threshold = None
    if wanted is not None:
        calibration = trained.calibration
        threshold = find_threshold(calibration.probabilities, dataset.targets[calibration.rows], wanted)
    reported, probabilities = dataset.select(trained.reported.rows), trained.reported.probabilities
    report, mistakes = evaluate(
        reported.names, reported.targets, dataset.labels, probabilities, threshold, dataset.name, trained.evaluated_on
    )
    findings = (*found, *check_result(report, trained.temperature))
    report = replace(report, phases=trained.phases, warnings=findings)
    spec = describe_model(trained, recipe, job, report, threshold)
    evaluation = Evaluation(report, mistakes)
    write_evaluation(evaluation, reported, spec.name, run.evaluation)
    finish_run(trained, spec, job)
    for finding in findings:
        _say(f"warning: {finding.message}")
    if answers := report.answers:
        _say(f"unsure below {answers.below:.2%}; {answers.answered:.2%} of the images are answered")
    if report.suspects:
        see = f"eyespot annotate --suspects {run.suspects}"
        _say(f"probably labelled wrong: {report.suspects:,} images; see them: {see}")
    return Run(run.path, spec, evaluation)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
