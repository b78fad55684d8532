"""How many frames a second `eyespot watch` does at 640x480 with faces, bare and with a recording.

Usage: python -m tests.benchmarks.watch [RUNS]
Goal:  at least 15 frames a second with faces on two cores, median of RUNS, the imports and the model not counted.
"""

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.measuring import EYESPOT, at_least, in_turns
from tests.benchmarks.minivgg import make_artifact
from tests.edge.regions.photographs import photograph
from tests.edge.watch.videos import write_video

GOAL_FPS = 15
FRAMES = 150
DEFAULT_RUNS = 5
CASES = {
    "whole picture": ["--regions", "none"],
    "faces": ["--regions", "faces"],
    "faces, recorded": ["--regions", "faces", "--record", "out.mp4"],
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_RUNS
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.onnx").write_bytes(make_artifact())
        write_video(Path(folder, "faces.avi"), map(scene, range(FRAMES)))
        calls = {name: lambda options=options: rate(folder, options) for name, options in CASES.items()}
        found = in_turns(calls, runs)
    for name, rates in found.items():
        print(f"{name:<16} {statistics.median(rates):6.1f} frames/s (best {max(rates):.1f})")
    at_least("watch with faces, 640x480", found["faces"], GOAL_FPS, "frames/s")


def scene(number: int) -> np.ndarray:
    """A photograph of one face that moves over a busy ground, and for a while a second one."""
    ground = cv2.resize(photograph("coffee.png"), (640, 480), interpolation=cv2.INTER_AREA)
    face = photograph("astronaut.png")[20:230, 110:340]
    places = [(10 + number, 20)] + ([(400, 250)] if number % 100 < 50 else [])
    for left, top in places:
        ground[top : top + 210, left : left + 230] = face
    return ground


def rate(folder: str, options: list[str]) -> float:
    """Return the frames a second that the command says at its end."""
    Path(folder, "out.mp4").unlink(missing_ok=True)
    command = [EYESPOT, "watch", "model.onnx", "faces.avi", "--json", *options]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    found = re.search(rf"{FRAMES} classified, ([\d.]+) a second", done.stderr)
    if not found:
        sys.exit(done.stderr)
    return float(found[1])


if __name__ == "__main__":
    main()
