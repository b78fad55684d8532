"""What an epoch costs through eyespot, against a bare Keras `fit` on the same arrays in memory.

Usage: python tests/benchmarks/epochs.py [ROUNDS]
Goal:  at most 1.05 times, per epoch after the first: same network, same batches, same optimiser, in turns.

A round is a training of EPOCHS epochs through eyespot and one without. The clock runs from the end of the first epoch
to that of the last, and in it falls the writing of as many epochs: state, history, drawings, page. Nothing of ours is
left to run while Keras is measured. Processor time is said as well, which other programs on the machine disturb less.
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
IMAGES, HELD_OUT, EPOCHS = 6000, 1500, 4
DEFAULT_ROUNDS = 7


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS
    start_tensorflow()
    from training.fit import make_repeatable

    make_repeatable(1)
    rng = np.random.default_rng(1)
    arrays = rng.random((IMAGES + HELD_OUT, 28, 28, 1), np.float32)
    targets = rng.integers(0, 10, len(arrays))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "arrays.npy", arrays)
        ours = make_ours(np.load(Path(folder) / "arrays.npy", mmap_mode="r"), targets, Path(folder))
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
    held_out = (arrays[IMAGES:], targets[IMAGES:])

    def train(at_end_of_epoch: Callable[[], None]) -> None:
        clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: at_end_of_epoch())
        network.fit(
            arrays[:IMAGES],
            targets[:IMAGES],
            batch_size=32,
            epochs=EPOCHS,
            validation_data=held_out,
            callbacks=[clock],
            verbose=0,
        )

    return train


def make_ours(arrays, targets, folder):  # type: ignore[no-untyped-def]
    from training.batches import Batches
    from training.fit import Course, fit
    from training.history import History
    from training.monitor import Monitor
    from training.schedules import Constant
    from training.state import Plan, take_state

    from export.run_folder import RunFolder

    network = make_network()
    weights = np.ones(len(arrays), np.float32)
    training = Batches(arrays, targets, weights, np.arange(IMAGES), 32, seed=1)
    held_out = Batches(arrays, targets, weights, np.arange(IMAGES, len(arrays)), 32)
    plan = Plan("benchmark", "00", 1, EPOCHS, 32, {})

    def train(at_end_of_epoch: Callable[[], None]) -> None:
        monitor = Monitor(RunFolder(folder), "benchmark", EPOCHS, 10)

        def after_epoch(history: History) -> None:
            monitor.update(history, take_state(plan, history, network))
            at_end_of_epoch()

        history = fit(network, training, held_out, Course(Constant(0.01), EPOCHS), History(), after_epoch)
        monitor.finish(history)
        monitor.close()

    return train


if __name__ == "__main__":
    main()
