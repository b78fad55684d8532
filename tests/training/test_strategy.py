"""Training over several devices and over several workers: the same result as in one piece."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.errors import UsageError
from tests.training.conftest import EPOCHS, figures, train_command
from training.strategy import Spread, StrategyName, require_spreadable

DEADLINE_S = 240
# The sums of two halves are rounded otherwise than the sum of the whole, by 1e-7 of it; every step of a training
# carries that on and adds its own.
TOLERANCE = 1e-4
# What the devices of one machine are is TensorFlow's to say; here it is told that the processor is two.
TWO_DEVICES = """
import json, sys
from export.quiet_tensorflow import start_tensorflow

start_tensorflow()
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from edge.cli import main
from training.monitor import Monitor

update = Monitor.update


def update_and_stop(monitor, history, state):
    update(monitor, history, state)
    if len(history.epochs) == 2:
        raise KeyboardInterrupt


for is_cut, command in json.loads(sys.argv[1]):
    Monitor.update = update_and_stop if is_cut else update
    print(main(command), flush=True)

import keras
import numpy as np

from training.batches import Batches
from training.fit_spread import fit_spread
from training.strategy import Spread, make_replicas

replicas = make_replicas(Spread("mirrored"))
with replicas.strategy.scope():
    layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1), keras.layers.Dense(2, "softmax")]
    network = keras.Sequential([keras.Input((64,)), *layers])
    network.compile("sgd", "sparse_categorical_crossentropy")
pictures = np.random.default_rng(0).random((11, 64), np.float32)
batches = Batches(pictures, np.arange(11) % 2, np.ones(11, np.float32), np.arange(11), size=6)
fit_spread(replicas, network, batches, batches, range(1), [])


def look():
    return tf.identity(layers[0].moving_mean.value), layers[1](tf.ones((1, 64)), training=True)


for values in replicas.strategy.run(tf.function(look)):
    print(json.dumps([value.numpy().tolist() for value in replicas.strategy.experimental_local_results(values)]))
"""


def require_same_training(run: Path, whole: Path) -> None:
    assert figures(run).shape == (EPOCHS, 5)
    assert figures(run) == pytest.approx(figures(whole), rel=TOLERANCE)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


Worker = "subprocess.Popen[str]"


@pytest.fixture
def start_worker() -> Iterator[Callable[..., Worker]]:
    """A function that starts a worker as a user would; whatever still runs when the test is over is ended."""
    started = []

    def start(index: int, ports: list[int], arguments: list[str], folder: Path) -> Worker:
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        program = [str(Path(sys.executable).with_name("eyespot")), *arguments, "--strategy", "multiworker"]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(program, cwd=folder, env=os.environ | {"TF_CONFIG": config}, **streams))
        return started[-1]

    watchdog = threading.Timer(DEADLINE_S, lambda: [process.kill() for process in started])
    watchdog.start()
    yield start
    watchdog.cancel()
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives_also_after_the_chief_died(
    bright: Path, bright_run: Path, tmp_path: Path, start_worker: Callable[..., Worker]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    ports, run = free_ports(2), here / "run"
    arguments = train_command("lenet-mnist", bright, run)
    chief, other = start_worker(0, ports, arguments, here), start_worker(1, ports, arguments, there)
    seen = next((line for line in chief.stderr if line.startswith(f"epoch 3/{EPOCHS}")), "it never began")
    chief.kill()
    assert seen.startswith(f"epoch 3/{EPOCHS}"), seen
    out, err = other.communicate()
    assert (other.returncode, out) == (2, "")
    assert err.splitlines()[-1].startswith("eyespot: another worker stopped or is out of reach (")
    assert "Traceback" not in err

    chief = start_worker(0, ports, [*arguments, "--resume"], here)
    # The other machine need not have the run, nor even be told that it goes on.
    other = start_worker(1, ports, train_command("lenet-mnist", bright, Path("run")), there)
    out, err = chief.communicate()
    assert chief.returncode == 0, err
    assert out.splitlines()[0].startswith(f"{run}: ")
    assert f"epoch 1/{EPOCHS}" not in err
    out, err = other.communicate()
    assert (other.returncode, out) == (0, ""), err
    assert f"epoch {EPOCHS}/{EPOCHS}" in err
    assert err.splitlines()[-1] == "done; the chief writes the run"
    assert list(there.iterdir()) == []
    require_same_training(run, bright_run)


@pytest.mark.slow
def test_two_devices_give_what_one_gives(bright: Path, bright_run: Path, tmp_path: Path) -> None:
    """And with augmentation, and a network half of which computes in another precision, a resumed run is the same."""
    spread = ("--strategy", "mirrored")
    augmented = ("--precision", "mixed_bfloat16", "--tensorboard", tmp_path / "logs", *spread)
    commands = [
        (False, train_command("lenet-mnist", bright, tmp_path / "plain", *spread)),
        (False, train_command("lenet", bright, tmp_path / "augmented", *augmented)),
        (True, train_command("lenet", bright, tmp_path / "cut", *augmented)),
        (False, train_command("lenet", bright, tmp_path / "cut", *augmented, "--resume")),
        (False, ["train", "knn", "--dataset", str(bright), "--output", str(tmp_path / "knn"), *map(str, spread)]),
    ]
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, json.dumps(commands)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0", "130", "0", "2"], done.stderr
    require_same_training(tmp_path / "plain", bright_run)
    assert np.array_equal(figures(tmp_path / "cut"), figures(tmp_path / "augmented"))
    averages, drawn = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert averages[0] == averages[1]  # what each replica measured of its part is the same everywhere in the end
    assert 0 < np.count_nonzero(drawn[0]) < 64
    assert drawn[0] != drawn[1]  # each replica drops units of its own
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
    assert " is for training; the recipe knn remembers its images and is not trained" in done.stderr


@pytest.mark.parametrize("strategy", ["mirrored", "multiworker"])
def test_what_several_devices_and_workers_cannot_do_is_said(strategy: StrategyName) -> None:
    with pytest.raises(UsageError, match="say mixed_bfloat16"):
        require_spreadable(Spread(strategy), "mixed_float16")
    require_spreadable(Spread(strategy), "mixed_bfloat16")
    require_spreadable(Spread(), "mixed_float16")
