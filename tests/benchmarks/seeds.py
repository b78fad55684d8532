"""What ten seeds of the lenet recipe give on digits.

Usage: python tests/benchmarks/seeds.py
Goal:  at least 98.5 % of the held-out digits.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from verdicts import at_least

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
SEEDS = (42, *range(9))
GOAL = 98.5


def main() -> None:
    accuracies = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            command = [EYESPOT, "train", "lenet", "--dataset", "digits", "--seed", str(seed), "--output", "run"]
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        found = re.search(r"([\d.]+)%", done.stdout)
        if not found:
            sys.exit(f"no accuracy in: {done.stdout}")
        accuracies.append(float(found[1]))
        print(f"seed {seed:<3} {accuracies[-1]:.2f} %", flush=True)
    print(f"{min(accuracies):.2f} to {max(accuracies):.2f} %")
    at_least("accuracy of lenet on digits, default seed", accuracies[0], GOAL, "%")
    at_least("accuracy of lenet on digits, ten seeds", accuracies, GOAL, "%")


if __name__ == "__main__":
    main()
