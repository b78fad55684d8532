"""What an epoch costs through eyespot, against a bare Keras `fit` on the same arrays in memory.

Usage: python -m tests.benchmarks.epochs [ROUNDS]
Goal:  at most 1.05 times: the book's LeNet, the same batches and optimiser, in turns.

Each is a process that trains a few epochs and one that trains more; an epoch is what the second takes longer, divided.
In it falls the reading of the pictures from the cache, and what is written after each epoch: state, checkpoint,
history, drawing. Processor time is said as well, which other programs on the machine disturb less.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import EYESPOT, at_most, in_turns, measure, ratios

ROOT = Path(__file__).parent.parent.parent
GOAL = 1.05
PARTS, EPOCHS = {"train": 6000, "val": 1500, "test": 500}, (2, 12)
DEFAULT_ROUNDS = 7
BARE = """
import sys, numpy as np
import keras
from training.networks.architecture import Architecture
from training.networks.book import build_lenet
data = np.load("data.npz")
arrays, validation = (data["x_" + part][..., None].astype(np.float32) / 255 for part in ("train", "val"))
network = build_lenet(Architecture(28, 28, 1, 10))
network.compile(optimizer=keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
network.fit(arrays, data["y_train"], batch_size=32, epochs=int(sys.argv[1]), verbose=0,
            validation_data=(validation, data["y_val"]))
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS
    chance = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        arrays = {f"x_{part}": chance.integers(0, 256, (n, 28, 28), np.uint8) for part, n in PARTS.items()}
        np.savez(Path(folder, "data.npz"), **arrays, **{f"y_{part}": np.arange(n) % 10 for part, n in PARTS.items()})
        calls = {}
        for epochs in EPOCHS:
            ours = [EYESPOT, "train", "lenet-mnist", "--dataset", "data.npz", "--batch-size", "32", "--epochs"]
            calls[f"ours {epochs}"] = partial(train, [*ours, str(epochs), "--output"], folder)
            bare = [sys.executable, "-c", BARE, str(epochs)]
            calls[f"bare {epochs}"] = partial(measure, bare, folder, PYTHONPATH=str(ROOT), TF_CPP_MIN_LOG_LEVEL="3")
        found = in_turns(calls, rounds)
    for kind, clock in (("seconds", "wall clock"), ("processor_s", "processor time")):
        few, many = (
            {name: [getattr(u, kind) for u in found[f"{name} {n}"]] for name in ("ours", "bare")} for n in EPOCHS
        )
        more = {name: [b - a for a, b in zip(few[name], many[name], strict=True)] for name in few}
        at_most(f"epoch, eyespot / bare Keras fit, {clock}", ratios(more["ours"], more["bare"]), GOAL)


def train(command: list[str], folder: str) -> object:
    with tempfile.TemporaryDirectory() as place:
        return measure([*command, f"{place}/run"], folder)


if __name__ == "__main__":
    main()
