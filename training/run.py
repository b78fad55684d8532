"""The folder of a run: which training may write it, and what a finished one holds."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, UsageError
from edge.files import AppendOnlyFile, replacing
from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from export.evaluation import count_classes
from export.fingerprint import take_fingerprint
from export.run_folder import LabelledImage, RunFolder, write_calibration, write_evaluation_images
from training.data.dataset import Dataset
from training.job import Job, Trained
from training.recipe import AnyRecipe, HeadRecipe
from training.report.plots import readable
from training.report.report import Report

# Locked while a training writes the folder; found unlocked, it says that one was killed there.
LOCK = ".unfinished"
# The name of a file, or a folder, that its writer has not finished.
PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}\.partial(\.[^.]+)?")


@contextmanager
def claimed_run_folder(path: Path, resume: bool) -> Iterator[RunFolder]:
    """Yield the run folder at `path`, made if it is not there, which no other training gets until the block ends.

    It is removed again if nothing was reached in it, so that the same command can be given once more. Raises UsageError
    if `path` is anything but an unfinished run that is to be resumed, and OutputError if another training writes it.
    """
    run = RunFolder(path)
    if not (path / LOCK).is_file():  # with it the folder is that of a training, which may not be over
        _require_usable(run, resume)
    lock = AppendOnlyFile(path / LOCK, f"{path}: another training writes this run; choose another --output")
    try:
        _require_usable(run, resume)
        for useless in _useless(run):
            if useless.is_dir():
                shutil.rmtree(useless)
            else:
                useless.unlink(missing_ok=True)
        yield run
    finally:
        if not run.state.is_file() and not run.is_finished:
            shutil.rmtree(path, ignore_errors=True)
        lock.discard()
        lock.close()


def _useless(run: RunFolder) -> set[Path]:
    """Return what a killed training left half written, and all that it wrote before it had a state."""
    written = {path for path in run.path.iterdir() if path.name != LOCK}
    if (run.path / LOCK).is_file() and not run.state.is_file() and not run.is_finished:
        return written
    return {path for path in (*written, *run.checkpoints.glob(".*")) if PARTIAL.fullmatch(path.name)}


def _require_usable(run: RunFolder, resume: bool) -> None:
    path = run.path
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} exists already; choose another --output or remove it")
    if not path.is_dir() or not set(path.iterdir()) - {path / LOCK, *_useless(run)}:
        return
    if run.is_finished:
        raise UsageError(f"{path} holds a finished run; choose another --output or remove it")
    if not run.state.is_file():
        raise UsageError(f"{path} exists already and is no run; choose another --output or remove it")
    if not resume:
        raise UsageError(f"{path} holds an unfinished run; continue it with --resume, or remove it")


def describe_model(trained: Trained, recipe: AnyRecipe, job: Job, report: Report, threshold: float | None) -> ModelSpec:
    """Return the spec of a trained network, as far as it is known before export."""
    pictures, reported = job.pictures, trained.reported
    backbone = recipe.backbone if isinstance(recipe, HeadRecipe) else None
    measures = np.array([pictures.notes[row].measures for row in trained.trained_rows])
    record = TrainingRecord(
        recipe=recipe.name,
        dataset=readable(pictures.dataset.name),
        data_digest=pictures.digest,
        training_images=len(trained.trained_rows),
        evaluation_images=report.images,
        accuracy=report.accuracy,
        epochs=len(trained.history.epochs),
        seed=job.config.seed,
        temperature=trained.temperature,
        classes=count_classes(
            reported.probabilities.argmax(axis=1), pictures.dataset.targets[reported.rows], len(report.classes)
        ),
        evaluated_on=trained.evaluated_on,
        baseline_accuracy=report.baseline_accuracy,
        calibration_error=report.calibration_error,
        warnings=tuple(finding.message for finding in report.warnings) or None,
        backbone=backbone.name if backbone else None,
    )
    return ModelSpec(
        format=SPEC_FORMAT,
        name=readable(job.run.path.resolve().name),
        version=None,
        labels=pictures.dataset.labels,
        preprocessing=recipe.preprocessing,
        regions=recipe.regions,
        reject_threshold=threshold,
        training=record,
        parity=None,
        self_test=None,
        fingerprint=take_fingerprint(measures, reported.probabilities),
    )


def finish_run(trained: Trained, spec: ModelSpec, job: Job) -> None:
    """Write what is left of a run folder; the spec, by which a run counts as finished, comes last.

    With the run go pictures that its figures are of, in a fixed random order, and some that it was trained on, for the
    calibration of int8 variants.
    """
    run, dataset, random = job.run, job.pictures.dataset, np.random.default_rng(0)
    with replacing(run.model) as temporary:
        trained.network.save(temporary)
    with replacing(run.evaluation_images) as temporary:
        write_evaluation_images(temporary, _images(dataset, random.permutation(trained.reported.rows)))
    with replacing(run.calibration) as temporary:
        write_calibration(temporary, _images(dataset, random.permutation(trained.trained_rows)))
    with replacing(run.spec) as temporary:
        temporary.write_text(spec.to_json(), encoding="utf-8")
    run.state.unlink(missing_ok=True)


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[LabelledImage]:
    for row in rows.tolist():
        try:
            encoded = dataset.read(row)
        except ImageError as error:  # gone since the training began; the state is kept, as with a failing disk
            raise OSError(errno.EIO, f"{dataset.names[row]} can no longer be read: {error}") from None
        yield LabelledImage(dataset.names[row], dataset.labels[dataset.targets[row]], encoded)
