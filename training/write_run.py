"""Make a finished run folder of a training, and say where one may be made."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.atomic_file import is_partial, replacing
from edge.errors import UsageError
from edge.picture_measures import take_fingerprint
from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from edge.strict_json import encode
from export.run_folder import HeldOutImage, RunFolder, write_calibration, write_held_out
from training.dataset import Dataset
from training.history import History
from training.plots import HistoryPlot, draw_confusion, readable, save_figure
from training.recipe import Recipe
from training.report import count_classes
from training.train import Material, Trained


def claim_run_folder(path: Path, resume: bool) -> RunFolder:
    """Return the run folder at `path`, which is made if it is not there.

    Raises UsageError if it holds anything but an unfinished run that is to be resumed.
    """
    run = RunFolder(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} exists already; choose another --output or remove it")
    leftovers = _leftovers(run) if path.is_dir() else []
    if path.is_dir() and set(path.iterdir()) - set(leftovers):
        if run.is_finished:
            raise UsageError(f"{path} holds a finished run; choose another --output or remove it")
        if not run.state.is_file():
            raise UsageError(f"{path} exists already and is no run; choose another --output or remove it")
        if not resume:
            raise UsageError(f"{path} holds an unfinished run; continue it with --resume, or remove it")
    path.mkdir(parents=True, exist_ok=True)
    for file in leftovers:
        file.unlink(missing_ok=True)
    return run


def _leftovers(run: RunFolder) -> list[Path]:
    """Return what a killed training left that is of no use: half files, and what it drew before its first epoch."""
    begun = [] if run.state.is_file() or run.is_finished else [run.schedule_plot]
    return [file for file in run.path.iterdir() if is_partial(file) or file in begun]


def describe_model(
    trained: Trained, recipe: Recipe, material: Material, name: str, seed: int, abstain_below: float | None
) -> ModelSpec:
    """Return the spec of a trained network, as far as it is known before export."""
    return ModelSpec(
        format=SPEC_FORMAT,
        name=readable(name),
        version=None,
        labels=material.dataset.labels,
        preprocessing=recipe.preprocessing,
        regions=recipe.regions,
        abstain_below=abstain_below,
        training=TrainingRecord(
            recipe=recipe.name,
            dataset=readable(material.dataset.name),
            data_digest=material.prepared.digest,
            training_images=len(material.split.train),
            held_out_images=len(material.split.held_out),
            held_out_accuracy=trained.report.accuracy,
            epochs=len(trained.history.epochs),
            seed=seed,
            temperature=trained.temperature,
            classes=count_classes(trained.report),
        ),
        parity=None,
        self_test=None,
        fingerprint=take_fingerprint(material.prepared.measures[material.split.train], trained.probabilities),
    )


def finish_run(trained: Trained, spec: ModelSpec, material: Material, run: RunFolder) -> None:
    """Write what is left of a run folder; the spec, by which a run counts as finished, comes last."""
    dataset = material.dataset
    with replacing(run.model) as temporary:
        trained.network.save(temporary)
    with replacing(run.report) as temporary:
        temporary.write_text(json.dumps(asdict(trained.report), indent=2), encoding="utf-8")
    title = f"{spec.name}: {trained.report.accuracy:.2%} of {trained.report.images:,} held-out images"
    save_figure(draw_confusion(trained.report, title), run.confusion_plot)
    with replacing(run.held_out) as temporary:
        write_held_out(temporary, _images(dataset, material.split.held_out))
    with replacing(run.calibration) as temporary:
        write_calibration(temporary, _images(dataset, material.split.train))
    with replacing(run.spec) as temporary:
        temporary.write_text(json.dumps(encode(spec), indent=2), encoding="utf-8")
    run.state.unlink(missing_ok=True)


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[HeldOutImage]:
    return (HeldOutImage(dataset.names[i], dataset.labels[dataset.targets[i]], dataset.read(int(i))) for i in rows)


def write_history(run: RunFolder, history: History, title: str) -> None:
    """Write the history of a training that no monitor watched, as figures and as a picture."""
    with replacing(run.history) as temporary:
        temporary.write_text(json.dumps(encode(history), indent=2), encoding="utf-8")
    save_figure(HistoryPlot(title).draw(history), run.history_plot)


def discard_empty(run: RunFolder) -> None:
    """Remove a run folder in which no epoch was finished, so that the same command can be given again."""
    if not run.state.is_file() and not run.is_finished:
        shutil.rmtree(run.path, ignore_errors=True)
