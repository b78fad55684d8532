"""Training over several devices and over several workers: the same result as in one piece."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.errors import UsageError
from tests.conftest import Run
from training.strategy import Spread, require_spreadable

DEADLINE_S = 240
EPOCHS = 3
# 41 pictures are left to train on, so that the last batch of 8 has one, and one of two replicas none.
PICTURES = 55
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
    if len(history.epochs) == 1:
        raise KeyboardInterrupt


for is_cut, command in json.loads(sys.argv[1]):
    Monitor.update = update_and_stop if is_cut else update
    print(main(command), flush=True)

import keras

from training.fit_spread import part_generators
from training.strategy import Spread, make_replicas

strategy = make_replicas(Spread("mirrored")).strategy
with strategy.scope():
    network = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=1)])
part_generators(strategy, network)
drawn = strategy.run(tf.function(lambda: network(tf.ones((1, 64)), training=True)))
print(json.dumps([value.numpy()[0].tolist() for value in strategy.experimental_local_results(drawn)]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of pictures, dark and bright, three of the one for two of the other."""
    path = tmp_path_factory.mktemp("data") / "bright.npz"
    chance, targets = np.random.default_rng(3), np.arange(PICTURES) % 5 // 3
    pixels = chance.normal(60 + 120 * targets[:, None, None], 30, (PICTURES, 12, 12))
    np.savez(path, x=np.clip(pixels, 0, 255).astype(np.uint8), y=targets)
    return path


def command(recipe: str, data: Path, output: Path, *more: object) -> list[str]:
    options = ["--dataset", data, "--epochs", EPOCHS, "--batch-size", 8, "--class-weights", "balanced"]
    return [str(word) for word in ("train", recipe, *options, "--output", output, *more)]


@pytest.fixture(scope="module")
def in_one_piece(data: Path, tmp_path_factory: pytest.TempPathFactory, eyespot: Run) -> Path:
    output = tmp_path_factory.mktemp("whole") / "run"
    done = eyespot(*command("lenet-mnist", data, output))
    assert done.returncode == 0, done.stderr
    return output


def figures(run: Path) -> np.ndarray:
    """Loss and accuracy on both sides and the rate, an epoch a row."""
    return np.array([list(epoch.values()) for epoch in json.loads((run / "history.json").read_text())["epochs"]])


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


def start_worker(index: int, ports: list[int], arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("eyespot")), *arguments, "--strategy", "multiworker"],
        cwd=folder,
        env=os.environ | {"TF_CONFIG": config},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives_also_after_one_of_them_died(
    data: Path, in_one_piece: Path, tmp_path: Path
) -> None:
    run = tmp_path / "chief" / "run"
    for folder in ("chief", "other"):
        (tmp_path / folder).mkdir()
    ports = free_ports(2)
    arguments = command("lenet-mnist", data, run)
    chief, other = (start_worker(i, ports, arguments, tmp_path / name) for i, name in enumerate(("chief", "other")))
    watchdog = threading.Timer(DEADLINE_S, other.kill)
    watchdog.start()
    assert other.stderr is not None
    seen = [
        line for line in iter(other.stderr.readline, "") if line.startswith(f"epoch 2/{EPOCHS}") and not other.kill()
    ]
    watchdog.cancel()
    assert len(seen) == 1
    status, out, err = finish(chief)
    finish(other)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("eyespot: another worker stopped or is out of reach (")
    assert "Traceback" not in err

    pair = [start_worker(0, ports, [*arguments, "--resume"], run.parent)]
    # The other machine need not have the run, nor even be told that it goes on.
    pair.append(start_worker(1, ports, command("lenet-mnist", data, Path("run")), tmp_path / "other"))
    (status, out, err), (other_status, other_out, other_err) = (finish(process) for process in pair)
    assert status == 0, err
    assert out.splitlines()[0].startswith(f"{run}: ")
    assert f"epoch 1/{EPOCHS}" not in err
    assert (other_status, other_out) == (0, ""), other_err
    assert other_err.splitlines()[-1] == "done; the chief writes the run"
    assert f"epoch {EPOCHS}/{EPOCHS}" in other_err
    assert list((tmp_path / "other").iterdir()) == []
    require_same_training(run, in_one_piece)


@pytest.mark.slow
def test_two_devices_give_what_one_gives(data: Path, in_one_piece: Path, tmp_path: Path) -> None:
    """And with augmentation, and a network half of which computes in another precision, a resumed run is the same."""
    spread = ("--strategy", "mirrored")
    augmented = ("--precision", "mixed_bfloat16", "--tensorboard", tmp_path / "logs", *spread)
    commands = [
        (False, command("lenet-mnist", data, tmp_path / "plain", *spread)),
        (False, command("lenet", data, tmp_path / "augmented", *augmented)),
        (True, command("lenet", data, tmp_path / "cut", *augmented)),
        (False, command("lenet", data, tmp_path / "cut", *augmented, "--resume")),
        (False, command("minivggnet-cifar10", data, tmp_path / "normalised", *spread)),
        (False, command("knn", data, tmp_path / "knn", *spread)),
    ]
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, json.dumps(commands)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0", "130", "0", "0", "2"], (
        done.stderr
    )
    require_same_training(tmp_path / "plain", in_one_piece)
    assert np.array_equal(figures(tmp_path / "cut"), figures(tmp_path / "augmented"))
    first, second = json.loads(done.stdout.splitlines()[-1])
    assert 0 < np.count_nonzero(first) < len(first)
    assert first != second  # each replica drops units of its own
    assert np.isfinite(figures(tmp_path / "normalised")).all()
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
    assert "the recipe knn is not trained in steps; leave out --strategy" in done.stderr


def test_what_workers_cannot_do_is_said() -> None:
    with pytest.raises(UsageError, match="say mixed_bfloat16"):
        require_spreadable(Spread("multiworker"), "mixed_float16")
    require_spreadable(Spread("mirrored"), "mixed_float16")
