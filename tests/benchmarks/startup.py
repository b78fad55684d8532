"""How long `eyespot classify` takes on one small image, against its imports and its session alone.

Usage: python tests/benchmarks/startup.py [RUNS]
Goal:  at most 1.2 times `import numpy, cv2, onnxruntime` plus loading the session, median of interleaved runs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from verdicts import at_most

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
BARE = """
import numpy, cv2, onnxruntime
onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
"""
GOAL = 1.2
DEFAULT_RUNS = 31


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_RUNS
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        image = next(Path(folder, "images").rglob("*.png"))
        ours = [EYESPOT, "classify", "model.onnx", str(image)]
        bare = [sys.executable, "-c", BARE]
        pairs = [(seconds(ours, folder), seconds(bare, folder)) for _ in range(runs + 1)][1:]
    print(f"eyespot classify       {statistics.median(mine for mine, _ in pairs) * 1e3:6.0f} ms median of {runs}")
    print(f"imports and session    {statistics.median(theirs for _, theirs in pairs) * 1e3:6.0f} ms")
    at_most("start-up, classify / imports and session", [mine / theirs for mine, theirs in pairs], GOAL)


def make_model(folder: str) -> None:
    """Train one epoch: the file has the size and the operators of the real one, which is all that counts here."""
    commands = (
        [EYESPOT, "train", "lenet", "--epochs", "1", "--output", "run"],
        [EYESPOT, "export", "run", "--output", "model.onnx"],
        [sys.executable, "-m", "zipfile", "-e", "run/evaluation.zip", "images"],
    )
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def seconds(command: list[str], folder: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
