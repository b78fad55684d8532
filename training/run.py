"""The folder of a run: who may write it, and what a finished one holds."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError, UsageError
from edge.files import AppendOnlyFile, is_partial, replacing
from edge.fingerprint import take_fingerprint
from edge.spec import SPEC_FORMAT, ModelSpec, TrainingRecord
from export.evaluation import count_classes
from export.run_folder import LabelledImage, RunFolder, write_calibration, write_evaluation_images
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.material import Material, Trained
from training.recipe import AnyRecipe, HeadRecipe
from training.report.plots import readable
from training.report.report import Report

# Locked while a training writes the folder; found unlocked, it says that one was killed there.
LOCK = ".unfinished"


def require_free(path: Path, resume: bool) -> None:
    """Raise UsageError if `path` holds anything but an unfinished run that is to be resumed; nothing is written.

    Raises OutputError if another training writes it.
    """
    if (path / LOCK).is_file():
        _lock(path).close()
    _require_ours(RunFolder(path), resume)


@contextmanager
def claimed_run_folder(path: Path, resume: bool) -> Iterator[RunFolder]:
    """Yield the run folder at `path`, made if it is not there, which no other training gets until the block ends.

    It is removed again if nothing was reached in it, so that the same command can be given once more. Raises what
    `require_free` does.
    """
    run = RunFolder(path)
    _require_ours(run, resume)
    lock = _lock(path)
    try:
        _require_ours(run, resume)  # whoever held the lock may have finished in between
        for leftover in _leftovers(run):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        try:
            yield run
        finally:
            if not run.state.is_file() and not run.is_finished:
                shutil.rmtree(path, ignore_errors=True)
    finally:
        lock.discard()
        lock.close()


def _lock(path: Path) -> AppendOnlyFile:
    return AppendOnlyFile(path / LOCK, f"{path}: another training writes this run; choose another --output")


def _require_ours(run: RunFolder, resume: bool) -> None:
    path = run.path
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} exists already; choose another --output or remove it")
    if not path.is_dir() or not set(path.iterdir()) - {path / LOCK, *_leftovers(run)}:
        return
    if run.is_finished:
        raise UsageError(f"{path} holds a finished run; choose another --output or remove it")
    if not run.state.is_file():
        raise UsageError(f"{path} exists already and is no run; choose another --output or remove it")
    if not resume:
        raise UsageError(f"{path} holds an unfinished run; continue it with --resume, or remove it")


def _leftovers(run: RunFolder) -> list[Path]:
    """Return what a killed training left that is of no use: half files, and all that it wrote without a state."""
    half = [path for folder in (run.path, run.checkpoints) for path in folder.glob(".*") if is_partial(path)]
    if run.state.is_file() or run.is_finished or not (run.path / LOCK).is_file():
        return half  # without the lock a network, for one, may be somebody's own
    files = [
        run.model,
        run.spec,
        run.evaluation_images,
        run.calibration,
        run.history,
        run.history_plot,
        run.schedule_plot,
    ]
    return [*half, *files, run.evaluation, run.checkpoints]


def describe_model(
    trained: Trained,
    recipe: AnyRecipe,
    config: TrainConfig,
    material: Material,
    report: Report,
    threshold: float | None,
    name: str,
) -> ModelSpec:
    """Return the spec of a trained network, as far as it is known before export."""
    prepared = material.prepared
    backbone = recipe.backbone if isinstance(recipe, HeadRecipe) else None
    record = TrainingRecord(
        recipe=recipe.name,
        dataset=readable(prepared.dataset.name),
        data_digest=prepared.digest,
        training_images=len(trained.trained_rows),
        evaluation_images=report.images,
        accuracy=report.accuracy,
        epochs=len(trained.history.epochs),
        seed=config.seed,
        temperature=trained.temperature,
        classes=count_classes(
            trained.probabilities.argmax(axis=1), prepared.dataset.targets[trained.rows], len(prepared.dataset.labels)
        ),
        evaluated_on=trained.evaluated_on,
        baseline_accuracy=report.baseline_accuracy,
        calibration_error=report.calibration_error,
        warnings=tuple(finding.message for finding in report.warnings) or None,
        backbone=backbone.name if backbone else None,
    )
    return ModelSpec(
        format=SPEC_FORMAT,
        name=readable(name),
        version=None,
        labels=prepared.dataset.labels,
        preprocessing=recipe.preprocessing,
        regions=recipe.regions,
        reject_threshold=threshold,
        training=record,
        parity=None,
        self_test=None,
        fingerprint=take_fingerprint(prepared.measures[trained.trained_rows], trained.probabilities),
    )


def finish_run(trained: Trained, spec: ModelSpec, material: Material, run: RunFolder) -> None:
    """Write what is left of a run folder; the spec, by which a run counts as finished, comes last.

    The pictures that go with the run are those that its figures are of, in an order drawn from the seed, and some
    that it was trained on, for the calibration of int8 variants.
    """
    dataset = material.prepared.dataset
    random = np.random.default_rng(0)
    with replacing(run.model) as temporary:
        trained.network.save(temporary)
    with replacing(run.evaluation_images) as temporary:
        write_evaluation_images(temporary, _images(dataset, random.permutation(trained.rows)))
    with replacing(run.calibration) as temporary:
        write_calibration(temporary, _images(dataset, random.permutation(trained.trained_rows)))
    with replacing(run.spec) as temporary:
        temporary.write_text(spec.to_json(), encoding="utf-8")
    run.state.unlink(missing_ok=True)


def _images(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[LabelledImage]:
    for row in rows.tolist():
        try:
            encoded = dataset.read(row)
        except ImageError as error:  # gone since the training began, which is kept as it is when a disk fails
            raise OSError(errno.EIO, f"{dataset.names[row]} can no longer be read: {error}") from None
        yield LabelledImage(dataset.names[row], dataset.labels[dataset.targets[row]], encoded)
