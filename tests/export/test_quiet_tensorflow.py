"""What TensorFlow says at its start is kept, and shown only where someone needs it.

A stand-in for Keras and TensorFlow writes to the stream as theirs do, from below Python.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOISE = "I0000 computation_placer.cc:177] noise of the start"
KERAS = f"import os\nos.write(2, b'{NOISE}\\n')\n"
TENSORFLOW = "class config:\n    list_physical_devices = staticmethod(lambda: [])\n"
SCRIPT = """
import os, sys
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
sys.stderr.write("python is heard\\n")
os.write(2, b"the system is heard\\n")
start_tensorflow()
"""


PARENT = """
import subprocess, sys
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


def start(
    folder: Path, keras: str = KERAS, script: str = SCRIPT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "keras.py").write_text(keras)
    (folder / "tensorflow.py").write_text(TENSORFLOW)
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", script, SCRIPT],
        env=inherited | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_start_is_silent_and_the_stream_is_given_back(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == ["python is heard", "the system is heard"]


def test_whoever_sets_a_level_gets_everything(tmp_path: Path) -> None:
    done = start(tmp_path, TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr.splitlines() == [NOISE, "python is heard", "the system is heard"]


@pytest.mark.parametrize(
    "failure", ["raise ImportError('no library')", "raise KeyboardInterrupt", "raise SystemExit(3)"]
)
def test_what_was_kept_is_shown_where_the_start_fails(tmp_path: Path, failure: str) -> None:
    done = start(tmp_path, KERAS + failure)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == NOISE
    assert "heard" not in done.stderr


def test_a_program_that_started_tensorflow_may_start_another_that_is_as_silent(tmp_path: Path) -> None:
    done = start(tmp_path, script=PARENT)
    assert done.stderr.splitlines() == ["python is heard", "the system is heard"]
