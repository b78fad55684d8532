"""Where a run may be written, by one training at a time; what a killed one leaves is no reason to refuse."""

from pathlib import Path

import pytest

from edge.errors import OutputError, UsageError
from export.run_folder import RunFolder
from training.claim_run import MARK, claim_run_folder, claimed_run_folder, require_free

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


BEFORE_THE_FIRST_STATE = ("schedule.png", "checkpoints/best.keras", "checkpoints/.best.0123abcd.partial.keras")
IN_THE_MIDDLE_OF_THE_END = ("model.keras", "report.json", "confusion.png", "held_out.zip", "calibration.zip")


@pytest.mark.parametrize("left", [BEFORE_THE_FIRST_STATE, IN_THE_MIDDLE_OF_THE_END])
@pytest.mark.parametrize("resume", [False, True])
def test_what_a_training_left_that_was_killed_without_a_state_is_no_run(
    tmp_path: Path, left: tuple[str, ...], resume: bool
) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in (MARK, *left):
        (tmp_path / name).write_bytes(b"x")
    require_free(tmp_path, resume)
    with claimed_run_folder(tmp_path, resume) as run:
        assert names(tmp_path) == {MARK}
        run.state.write_bytes(b"x")
    assert names(tmp_path) == {"state.npz"}


def test_files_of_such_names_that_no_training_left_are_refused(tmp_path: Path) -> None:
    for name in IN_THE_MIDDLE_OF_THE_END:
        (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already and is no run"), claimed_run_folder(tmp_path, resume=False):
        pass
    assert names(tmp_path) == set(IN_THE_MIDDLE_OF_THE_END)


def test_half_checkpoints_of_an_unfinished_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in ("state.npz", *BEFORE_THE_FIRST_STATE):
        (tmp_path / name).write_bytes(b"x")
    with claimed_run_folder(tmp_path, resume=True):
        assert names(tmp_path / "checkpoints") == {"best.keras"}


def test_a_second_training_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    refusal = "another training writes this run; choose another --output"
    with claimed_run_folder(tmp_path / "run", resume=False) as run:
        run.schedule_plot.write_bytes(b"x")
        with pytest.raises(OutputError, match=refusal):
            require_free(run.path, resume=False)
        with pytest.raises(OutputError, match=refusal), claimed_run_folder(run.path, resume=False):
            pass
        assert names(run.path) == {MARK, "schedule.png"}
        run.state.write_bytes(b"x")
    with claimed_run_folder(run.path, resume=True):
        pass
    assert names(run.path) == {"schedule.png", "state.npz"}


def test_a_run_in_which_no_epoch_was_finished_leaves_nothing(tmp_path: Path) -> None:
    with claimed_run_folder(tmp_path / "run", resume=False) as run:
        run.schedule_plot.write_bytes(b"x")
    assert names(tmp_path) == set()
