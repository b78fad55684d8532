"""Say where a run may be made, and hold its folder for one training at a time.

It exists because a folder of something else must never be written into, because two trainings in one folder would mix
their files, and because what a killed training left is to be told from what somebody keeps there.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import UsageError
from edge.files import AppendOnlyFile, is_partial
from export.run_folder import RunFolder

# Locked while a training writes the folder; found unlocked, it says that one was killed there.
MARK = ".unfinished"


def require_free(path: Path, resume: bool) -> None:
    """Raise UsageError if `path` holds anything but an unfinished run that is to be resumed; nothing is written.

    Raises OutputError if another training writes it.
    """
    if (path / MARK).is_file():
        _lock(path).close()
    _require_ours(RunFolder(path), resume)


@contextmanager
def claimed_run_folder(path: Path, resume: bool) -> Iterator[RunFolder]:
    """Yield the run folder at `path`, made if it is not there, which no other training gets until the block ends.

    It is removed again if no epoch was finished in it, so that the same command can be given once more. Raises what
    `require_free` does.
    """
    _require_ours(RunFolder(path), resume)
    lock = _lock(path)
    try:
        run = claim_run_folder(path, resume)  # looks once more: whoever held it may have finished in between
        try:
            yield run
        finally:
            discard_empty(run)
    finally:
        lock.discard()
        lock.close()


def claim_run_folder(path: Path, resume: bool) -> RunFolder:
    """Return the run folder at `path`, made if it is not there, without what a killed training left. Raises UsageError.

    Nothing keeps another training out of it.
    """
    run = RunFolder(path)
    _require_ours(run, resume)
    path.mkdir(parents=True, exist_ok=True)
    for leftover in _leftovers(run):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
    return run


def discard_empty(run: RunFolder) -> None:
    """Remove a run folder in which no epoch was finished, so that the same command can be given again."""
    if not run.state.is_file() and not run.is_finished:
        shutil.rmtree(run.path, ignore_errors=True)


def _lock(path: Path) -> AppendOnlyFile:
    return AppendOnlyFile(path / MARK, f"{path}: another training writes this run; choose another --output")


def _require_ours(run: RunFolder, resume: bool) -> None:
    path = run.path
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} exists already; choose another --output or remove it")
    if not path.is_dir() or not set(path.iterdir()) - {path / MARK, *_leftovers(run)}:
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
    if run.state.is_file() or run.is_finished:
        return half
    if not (run.path / MARK).is_file():  # a network, for one, may be somebody's own
        return [*half, run.schedule_plot]
    figures = [run.history, run.report, run.history_plot, run.confusion_plot, run.schedule_plot, run.monitor_page]
    return [*half, *figures, run.model, run.spec, run.held_out, run.calibration, run.checkpoints]
