"""What an epoch costs through eyespot, against a bare Keras `fit` on the same arrays in memory.

Usage: python tests/benchmarks/epochs.py [ROUNDS]
Goal:  at most 1.05 times, per epoch after the first: same network, same batches, same optimiser, in turns.

A round is a training of EPOCHS epochs through eyespot and one without. The clock runs from the end of the first epoch
to that of the last, and in it falls the reading of the pictures from the cache, and the writing of as many epochs:
state, checkpoint, history, drawing. Processor time is said as well, which other programs on the machine disturb less.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from verdicts import at_most

from export.quiet_tensorflow import start_tensorflow

GOAL = 1.05
IMAGES, VALIDATION, EPOCHS = 6000, 1500, 4
DEFAULT_ROUNDS = 7


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS
    start_tensorflow()
    from training.epochs.train_epochs import make_repeatable

    make_repeatable(1)
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (IMAGES + VALIDATION, 28, 28), np.uint8)
    targets = rng.integers(0, 10, len(pixels))
    arrays = pixels[..., None].astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", x=pixels, y=targets)
        ours = make_ours(Path(folder))
        bare = make_bare(arrays, targets)
        # The first round compiles the networks.
        pairs = [(an_epoch(ours), an_epoch(bare)) for _ in range(rounds + 1)][1:]
    print(f"through eyespot   {statistics.median(mine[0] for mine, _ in pairs):.2f} s an epoch, all it writes included")
    print(f"bare Keras fit    {statistics.median(theirs[0] for _, theirs in pairs):.2f} s, medians of {rounds} rounds")
    for i, clock in enumerate(("wall clock", "processor time")):
        at_most(f"epoch, eyespot / bare Keras fit, {clock}", [mine[i] / theirs[i] for mine, theirs in pairs], GOAL)


def an_epoch(train: Callable[[Callable[[], None]], None]) -> tuple[float, float]:
    """Return wall-clock and processor seconds of an epoch after the first.

    `train` calls what it is given at the end of every epoch.
    """
    ends: list[tuple[float, float]] = []
    train(lambda: ends.append((time.perf_counter(), time.process_time())))
    first, last = ends[0], ends[-1]
    return (last[0] - first[0]) / (EPOCHS - 1), (last[1] - first[1]) / (EPOCHS - 1)


def make_network():  # type: ignore[no-untyped-def]
    from training.networks.architecture import Architecture
    from training.networks.book import build_lenet

    network = build_lenet(Architecture(28, 28, 1, 10))
    network.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def make_bare(arrays, targets):  # type: ignore[no-untyped-def]
    import keras

    network = make_network()
    validation = (arrays[IMAGES:], targets[IMAGES:])

    def train(at_end_of_epoch: Callable[[], None]) -> None:
        clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: at_end_of_epoch())
        network.fit(
            arrays[:IMAGES],
            targets[:IMAGES],
            batch_size=32,
            epochs=EPOCHS,
            validation_data=validation,
            callbacks=[clock],
            verbose=0,
        )

    return train


def make_ours(folder):  # type: ignore[no-untyped-def]
    from edge.steps import Grey, Resize, Scale
    from export.run_folder import RunFolder
    from training.config import TrainConfig
    from training.data.load import load_dataset
    from training.data.prepare import prepare
    from training.data.split import Split
    from training.data.store import Store
    from training.epochs import train_epochs
    from training.job import Job
    from training.recipe import Optimizer, Recipe

    steps = (Resize(28, 28, "antialias"), Grey(), Scale(1 / 255))
    pictures = prepare(load_dataset(str(folder / "data.npz")), steps, Store(folder / "cache"))
    rows = np.arange(len(pictures))
    split = Split(rows[:IMAGES], rows[IMAGES:], rows[:0], rows)
    job = Job(TrainConfig(target="benchmark"), pictures, split, RunFolder(folder / "run"))
    recipe = Recipe(
        name="benchmark",
        summary="",
        preprocessing=steps,
        network=lambda _: make_network(),
        optimizer=Optimizer(name="SGD", rate=0.01),
        epochs=EPOCHS,
    )
    network, write = make_network(), train_epochs.write_state

    def train(at_end_of_epoch: Callable[[], None]) -> None:
        def write_and_tell(*state: object) -> None:
            write(*state)  # type: ignore[arg-type]
            at_end_of_epoch()

        train_epochs.write_state = write_and_tell
        train_epochs.fit(network, recipe, recipe, job, {})

    return train


if __name__ == "__main__":
    main()
