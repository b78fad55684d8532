"""Train a recipe on a data set and leave a whole run folder, or none."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import UsageError
from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from edge.strict_json import encode
from export.run_folder import RunFolder, write_held_out
from training.dataset import Dataset
from training.fit import History, fit, make_repeatable
from training.plots import plot_confusion, plot_history
from training.prepare import prepare
from training.recipe import Recipe
from training.report import Report, make_report
from training.split import stratified_split


@dataclass(frozen=True)
class Trained:
    """What came out of one training: the network, its history, and its report on the held-out images."""

    network: keras.Model
    history: History
    report: Report
    held_out: NDArray[np.int64]
    spec: ModelSpec


def train(recipe: Recipe, dataset: Dataset, name: str, seed: int) -> Trained:
    """Train `recipe` on `dataset`; the same seed gives the same result again on the same machine.

    Raises DatasetError for images that cannot be used, DivergenceError if the loss is not finite.
    """
    train_part, held_out = stratified_split(dataset, seed)
    arrays = prepare(dataset, recipe.preprocessing, _bar("reading"))
    make_repeatable(seed)
    network = recipe.network(arrays.shape[1:], len(dataset.labels))
    history = fit(
        recipe,
        network,
        (arrays[train_part], dataset.targets[train_part]),
        (arrays[held_out], dataset.targets[held_out]),
    )
    probabilities = network.predict(arrays[held_out], batch_size=recipe.batch_size, verbose=0)
    report = make_report(dataset.labels, dataset.targets[held_out], probabilities)
    spec = ModelSpec(
        format=SPEC_FORMAT,
        name=name,
        version=None,
        labels=dataset.labels,
        preprocessing=recipe.preprocessing,
        regions=None,
        training=TrainingRecord(
            recipe=recipe.name,
            dataset=dataset.name,
            data_digest=dataset.digest(),
            training_images=len(train_part),
            held_out_images=len(held_out),
            held_out_accuracy=report.accuracy,
            epochs=recipe.epochs,
            seed=seed,
        ),
        parity=None,
        self_test=None,
    )
    return Trained(network, history, report, held_out, spec)


def _bar(description: str) -> Callable[[range], Iterator[int]]:
    return lambda items: iter(tqdm(items, unit="image", desc=description, disable=None))


def claim_run_folder(path: Path) -> RunFolder:
    """Return a new folder beside `path` to fill. Raises UsageError if `path` is already something."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists already; choose another --output or remove it")
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    return RunFolder(unfinished)


def write_run(trained: Trained, dataset: Dataset, run: RunFolder) -> None:
    """Write all files of a run into the folder of `run`."""
    trained.network.save(run.model)
    run.spec.write_text(json.dumps(encode(trained.spec), indent=2), encoding="utf-8")
    run.history.write_text(json.dumps(trained.history, indent=2), encoding="utf-8")
    run.report.write_text(json.dumps(asdict(trained.report), indent=2), encoding="utf-8")
    write_held_out(run.held_out, ((dataset.names[i], dataset.read(i)) for i in trained.held_out))
    plot_history(trained.history, trained.spec.name, run.history_plot)
    title = f"{trained.spec.name}: {trained.report.accuracy:.2%} of {trained.report.images:,} held-out images"
    plot_confusion(trained.report, title, run.confusion_plot)
