"""Make a finished run folder of a training."""

import errno
import json
from collections.abc import Iterator
from dataclasses import asdict

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.files import replacing
from edge.fingerprint import take_fingerprint
from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from export.run_folder import HeldOutImage, RunFolder, write_calibration, write_held_out
from training.dataset import Dataset
from training.history import History
from training.monitor import record_history
from training.plots import HistoryPlot, draw_confusion, readable, save_figure
from training.recipe import Recipe
from training.report import count_classes
from training.train import Material, Trained


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
        reject_threshold=abstain_below,
        training=_record(trained, recipe, material, seed),
        parity=None,
        self_test=None,
        fingerprint=take_fingerprint(material.prepared.measures[material.split.train], trained.probabilities),
    )


def _record(trained: Trained, recipe: Recipe, material: Material, seed: int) -> TrainingRecord:
    return TrainingRecord(
        recipe=recipe.name,
        dataset=readable(material.dataset.name),
        data_digest=material.prepared.digest,
        training_images=len(material.split.train),
        evaluation_images=len(material.split.held_out),
        accuracy=trained.report.accuracy,
        epochs=len(trained.history.epochs),
        seed=seed,
        temperature=trained.temperature,
        classes=count_classes(trained.report),
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
        temporary.write_text(json.dumps(msgspec.to_builtins(spec), indent=2), encoding="utf-8")
    run.state.unlink(missing_ok=True)


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[HeldOutImage]:
    return (HeldOutImage(dataset.names[i], dataset.labels[dataset.targets[i]], _encoded(dataset, int(i))) for i in rows)


def _encoded(dataset: Dataset, i: int) -> bytes:
    try:
        return dataset.read(i)
    except ImageError as error:  # gone since the training began, which is kept as it is when a disk fails
        raise OSError(errno.EIO, f"{dataset.names[i]} can no longer be read: {error}") from None


def write_history(run: RunFolder, history: History, title: str) -> None:
    """Write the history of a training that no monitor watched, as figures and as a picture."""
    record_history(run, history, HistoryPlot(title))
