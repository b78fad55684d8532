"""A disk that is full in the middle of a training, by a limit that the system puts on the size of its files."""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.cli import main
from tests.training.conftest import EPOCHS, figures, train_command
from training.state import parse_state

DEADLINE_S = 240
# Less than any picture or state; more than what a pipe takes, on which there is no limit anyway.
FULL_BYTES = 4096


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs")
def test_a_full_disk_leaves_the_last_good_epoch_to_go_on_from(bright: Path, bright_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = train_command("lenet-mnist", bright, run)
    program = [str(Path(sys.executable).with_name("eyespot")), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(DEADLINE_S, process.kill)
        watchdog.start()
        assert process.stderr is not None
        before = next((line for line in process.stderr if line.startswith(f"epoch 3/{EPOCHS}")), "it never began")
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, most))
        out, behind = process.communicate()
        watchdog.cancel()
    assert before.startswith(f"epoch 3/{EPOCHS}"), behind
    assert (process.returncode, out) == (2, "")
    said = behind.splitlines()[-1]
    assert said.startswith(f"eyespot: {run}{os.sep}")
    assert said.endswith(
        ": File too large; the last good epoch is kept, make room and continue with the same command and --resume"
    )
    assert "Traceback" not in behind
    assert not [path for path in run.rglob("*") if "partial" in path.name]
    with (run / "state.npz").open("rb") as file:
        history = parse_state(file, "state.npz").history
    kept = np.array([list(vars(epoch).values()) for epoch in history.epochs])
    assert 1 <= len(kept) < EPOCHS
    assert np.array_equal(kept, figures(bright_run)[: len(kept)])

    assert main([*arguments, "--resume"]) == 0
    assert np.array_equal(figures(run), figures(bright_run))
