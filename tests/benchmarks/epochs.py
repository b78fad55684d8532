"""What an epoch costs through eyespot, against a bare Keras `fit` on the same arrays in memory.

Usage: python tests/benchmarks/epochs.py [EPOCHS]
Goal:  at most 1.05 times, per epoch after the first, interleaved: same network, same batches, same optimiser.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from export.quiet_tensorflow import start_tensorflow

GOAL = 1.05
IMAGES, HELD_OUT = 6000, 1500
DEFAULT_EPOCHS = 7


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_EPOCHS
    start_tensorflow()
    from training.fit import make_repeatable

    make_repeatable(1)
    rng = np.random.default_rng(1)
    arrays = rng.random((IMAGES + HELD_OUT, 28, 28, 1), np.float32)
    targets = rng.integers(0, 10, len(arrays))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "arrays.npy", arrays)
        ours = make_ours(np.load(Path(folder) / "arrays.npy", mmap_mode="r"), targets, Path(folder), epochs)
        bare = make_bare(arrays, targets)
        pairs = [(seconds(ours), seconds(bare)) for _ in range(epochs)][1:]
    ratios = [mine / theirs for mine, theirs in pairs]
    low, ratio, high = statistics.quantiles(ratios)
    print(
        f"through eyespot   {statistics.median(mine for mine, _ in pairs):.2f} s an epoch, monitor and state included"
    )
    print(f"bare Keras fit    {statistics.median(theirs for _, theirs in pairs):.2f} s")
    verdict = "reached" if ratio <= GOAL else "MISSED"
    print(f"ratio             {ratio:.3f}    quartiles {low:.3f} to {high:.3f}, goal {GOAL}: {verdict}")


def seconds(run) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def make_network():  # type: ignore[no-untyped-def]
    from training.networks.architecture import Architecture
    from training.networks.lenet import build_lenet

    network = build_lenet(Architecture(28, 28, 1, 10))
    network.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def make_bare(arrays, targets):  # type: ignore[no-untyped-def]
    network = make_network()
    held_out = (arrays[IMAGES:], targets[IMAGES:])
    return lambda: network.fit(arrays[:IMAGES], targets[:IMAGES], batch_size=32, validation_data=held_out, verbose=0)


def make_ours(arrays, targets, folder, epochs):  # type: ignore[no-untyped-def]
    from export.run_folder import RunFolder
    from training.batches import Batches
    from training.fit import Course, fit
    from training.history import History
    from training.monitor import Monitor
    from training.schedules import Constant
    from training.state import Plan, take_state

    network = make_network()
    weights = np.ones(len(arrays), np.float32)
    training = Batches(arrays, targets, weights, np.arange(IMAGES), 32, seed=1)
    held_out = Batches(arrays, targets, weights, np.arange(IMAGES, len(arrays)), 32)
    monitor = Monitor(RunFolder(folder), "benchmark", epochs, 10)
    plan = Plan("benchmark", "00", 1, epochs, 32, {})
    history = History()

    def one_epoch() -> None:
        nonlocal history
        course = Course(Constant(0.01), len(history.epochs) + 1)
        history = fit(
            network,
            training,
            held_out,
            course,
            history,
            lambda so_far: monitor.update(so_far, take_state(plan, so_far, network)),
        )

    return one_epoch


if __name__ == "__main__":
    main()
