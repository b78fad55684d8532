"""Where a run may be written: what a killed training leaves behind is no reason to refuse."""

from pathlib import Path

import pytest

from edge.errors import UsageError
from export.run_folder import RunFolder
from training.write_run import claim_run_folder

HALF = (".state.0123abcd.partial.npz", ".model.fedcba98.partial.keras")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("resume", [False, True])
def test_what_was_drawn_before_the_first_epoch_and_half_files_are_no_run(tmp_path: Path, resume: bool) -> None:
    for name in ("schedule.png", *HALF):
        (tmp_path / name).write_bytes(b"x")
    assert claim_run_folder(tmp_path, resume).path == tmp_path
    assert names(tmp_path) == set()


def test_an_unfinished_run_is_continued_without_its_half_files(tmp_path: Path) -> None:
    kept = {RunFolder(tmp_path).state.name, "schedule.png", "history.json"}
    for name in (*kept, *HALF):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="continue it with --resume"):
        claim_run_folder(tmp_path, resume=False)
    assert names(tmp_path) == {*kept, *HALF}
    claim_run_folder(tmp_path, resume=True)
    assert names(tmp_path) == kept


def test_a_folder_of_something_else_is_refused_and_left(tmp_path: Path) -> None:
    for name in ("schedule.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="exists already and is no run"):
        claim_run_folder(tmp_path, resume=True)
    assert names(tmp_path) == {"schedule.png", "notes.txt"}
