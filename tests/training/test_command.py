"""`eyespot train` as a user meets it: wrong calls, bad folders, folders in use, own recipes, an interruption."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.errors import OutputError, UsageError
from export.quiet_tensorflow import start_tensorflow
from eyespot.cli import main
from tests.training.conftest import EPOCHS, Draw, WriteRecipe, draw_photographs, figures, train_command

start_tensorflow()
import numpy as np

from training.run import claimed_run_folder
from training.train import train

NAMES = ["1.png", "2.jpg", "3.png", "4.png"]
DEADLINE_S = 300
NOT_FOR_A_HEAD = {
    **dict.fromkeys(("epochs", "early-stopping", "batch-size", "learning-rate"), "3"),
    "augment": "light",
    "precision": "mixed_bfloat16",
    "schedule": "cosine",
}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a call that is refused says."""
    try:
        status: object = main(arguments)
    except SystemExit as end:  # argparse ends the program itself
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    line = err.splitlines()[-1]
    assert line.startswith("eyespot")
    return line


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], "--list"),
        (["lennet"], "lenet"),
        (["lenet", "--dataset", "digit"], "digits"),
        (["nowhere.py", "--dataset", "digits"], "nowhere.py"),
        (["knn"], "--dataset"),
        (["digits", "--dataset", "digits"], "--dataset"),
        (["digits", "--backbone", "efficientnet-lite"], "efficientnet-lite0"),
        (["digits", "--image-size", "8"], "32"),
        (["digits", "--k", "3"], "--k"),
        (["lenet", "--k", "3"], "--k"),
        (["lenet", "--seed", "-1"], "--seed"),
        (["lenet", "--answer-accuracy", "1.5"], "--answer-accuracy"),
        (["lenet", "--device", "gpu"], "--device cpu"),
        (["lenet", "--ephocs", "3"], "--epochs"),
        (["lenet", "--schedule", "cosin"], "cosine"),
        (["lenet", "--augment", "much"], "--augment"),
        (["lenet", "--fine-tune"], "--fine-tune"),
        (["smiles", "--dataset", "digits"], "2 classes"),
        *((["digits", f"--{option}", value], f"--{option}") for option, value in NOT_FOR_A_HEAD.items()),
        (["digits", "--fine-tune", "--schedule", "cosine"], "--schedule"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_names_what_is_wrong_and_leaves_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    names: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda *_: [])
    assert names in refused(["train", *arguments, "--output", "run"], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_folder_is_one_line_and_leaves_nothing(
    draw: Draw, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw(cat=NAMES, dog=NAMES[:2])
    for content, said in ((b"words", "dog/2.jpg (not_an_image)"), ((folder / "dog/1.png").read_bytes(), "2 different")):
        (folder / "dog" / "2.jpg").write_bytes(content)
        assert said in refused(["train", str(folder), "--output", str(tmp_path / "runs" / "x")], capsys)
        assert not (tmp_path / "runs" / "x").exists()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_that_is_no_unfinished_run_is_refused_and_left(bright: Path, bright_run: Path, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    kept = names(bright_run)
    for output in (bright_run, tmp_path, tmp_path / "file"):
        for resume in (False, True):
            with pytest.raises(UsageError):
                train("lenet-mnist", dataset=str(bright), output=output, resume=resume)
    assert names(bright_run) == kept
    assert names(tmp_path) == {"model.keras", "file"}


def test_a_folder_in_use_is_refused_and_what_a_kill_left_is_not(bright: Path, tmp_path: Path) -> None:
    with claimed_run_folder(tmp_path / "run", resume=False) as run:
        run.history_plot.write_bytes(b"x")
        with pytest.raises(OutputError):
            train("lenet-mnist", dataset=str(bright), output=run.path)
        killed = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert not run.path.exists()  # nothing was reached in it
    run.checkpoints.mkdir(parents=True)
    for name, content in {**killed, "model.keras": b"half", ".spec.0123abcd.partial.json": b"half"}.items():
        (run.path / name).write_bytes(content)
    with claimed_run_folder(run.path, resume=False) as again:
        assert names(again.path) == {".unfinished"}
        again.state.write_bytes(b"x")
    assert names(run.path) == {"state.npz"}
    with pytest.raises(UsageError), claimed_run_folder(run.path, resume=False):
        pass
    with claimed_run_folder(run.path, resume=True):
        pass


@pytest.mark.parametrize(
    "text", ["RECIPE = 3", "", "import nothing_of_this_name", "raise ValueError('a\\nb')", "def broken(:"], ids=str
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    line = refused(["train", str(tmp_path / "mine.py"), "--dataset", "digits", "--output", str(tmp_path / "x")], capsys)
    assert str(tmp_path / "mine.py") in line
    assert names(tmp_path) - {"__pycache__"} == {"mine.py"}


@pytest.mark.slow
def test_options_change_a_recipe_of_ones_own(bright: Path, tmp_path: Path, write_recipe: WriteRecipe) -> None:
    recipe = write_recipe("layers.Dense(2, 'softmax')")
    run = train(
        str(recipe),
        dataset=str(bright),
        output=tmp_path / "run",
        epochs=6,
        schedule="step-decay",
        learning_rate=0.2,
        image_size=6,
        test_share=0.4,
        limit=20,
        answer_accuracy=0.5,
        augment="light",
        jobs=1,
    )
    assert figures(run.path)[:, 4] == pytest.approx([0.2] * 4 + [0.1] * 2)
    assert run.spec.training
    assert run.evaluation.report.images == 16  # 40 % of 40
    assert (run.spec.training.recipe, run.spec.training.epochs) == ("mine", 6)
    assert run.spec.preprocessing[0].height == 6  # type: ignore[union-attr]
    assert run.evaluation.report.answers
    assert run.path == tmp_path / "run"


def test_photographs_of_one_camera_are_warned_of_and_it_is_on_the_spec(
    tmp_path: Path, own_backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = draw_photographs(tmp_path / "photographs", 7)
    options = ["--weights", str(own_backbone), "--image-size", "32"]
    assert main(["train", str(folder), *options, "--output", str(tmp_path / "run")]) == 0
    out, err = capsys.readouterr()
    assert str(tmp_path / "run") in out
    assert "33.33%" in out  # what always guessing gives
    assert sum(line.startswith("warning: class ") for line in err.splitlines()) == 3  # of 7 pictures each
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    assert "33.33%" in capsys.readouterr().out


# Where the tests run in the background, a shell has told them to ignore the signal, and a child inherits that.
DEFAULT_SIGNALS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_ctrl_c_leaves_what_the_same_command_resumes(bright: Path, bright_run: Path, tmp_path: Path) -> None:
    arguments = train_command("lenet-mnist", bright, tmp_path / "run")
    command = [sys.executable, "-c", DEFAULT_SIGNALS, str(Path(sys.executable).with_name("eyespot")), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(DEADLINE_S, process.kill)
        watchdog.start()
        assert process.stderr is not None
        before = next((line for line in process.stderr if line.startswith(f"epoch 2/{EPOCHS}")), "it never began")
        process.send_signal(signal.SIGINT)
        out, behind = process.communicate()
        watchdog.cancel()
    assert before.startswith("epoch 2/"), before
    assert (process.returncode, out) == (130, "")
    assert "--resume" in behind
    assert "Traceback" not in behind
    with pytest.raises(UsageError):
        train("lenet-mnist", dataset=str(bright), output=tmp_path / "run")
    assert main([*arguments, "--resume"]) == 0
    assert np.array_equal(figures(tmp_path / "run"), figures(bright_run))
    assert names(tmp_path / "run") == names(bright_run)
