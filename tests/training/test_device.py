"""What TensorFlow was told to compute on, asked of TensorFlow in a process that has computed nothing yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
from training.device import choose_device

ROOT = Path(__file__).parents[2]
PROGRAM = """
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
import tensorflow as tf
from training.device import choose_device
print(choose_device("cpu", 1))
tf.linalg.matmul(tf.ones((4, 4)), tf.ones((4, 4)))
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
"""


def test_without_jobs_it_is_as_many_cores_as_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.device.usable_cores", lambda: 3)
    monkeypatch.setattr("training.device.tf.config.list_physical_devices", lambda _: [])
    assert choose_device("auto") == "the CPU, 3 cores"


@pytest.mark.slow
def test_jobs_are_the_cores_that_tensorflow_uses() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["the CPU, 1 core", "1 1"]), done.stderr
