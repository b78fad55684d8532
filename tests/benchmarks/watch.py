"""How many frames a second `eyespot watch` does at 640x480 with faces, bare and with a recording.

Usage: python tests/benchmarks/watch.py [RUNS]
Goal:  at least 15 frames a second with faces on two cores, median of RUNS, the imports and the model not counted.
"""

import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from startup import EYESPOT, make_model
from verdicts import at_least

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

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
    rates: dict[str, list[float]] = {name: [] for name in CASES}
    processor_ms: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        write_video(Path(folder, "faces.avi"), map(scene, range(FRAMES)))
        for _ in range(runs):
            for name, options in CASES.items():
                rate, seconds = measure(folder, options)
                rates[name].append(rate)
                processor_ms[name].append(seconds / FRAMES * 1e3)
    for name in CASES:
        print(
            f"{name:<16} {statistics.median(rates[name]):6.1f} frames/s (best {max(rates[name]):.1f}), "
            f"{statistics.median(processor_ms[name]):5.1f} ms of processor time a frame, start included"
        )
    at_least("watch with faces, 640x480", rates["faces"], GOAL_FPS, "frames/s")


def scene(number: int) -> np.ndarray:
    """A photograph of one face that moves over a busy ground, and for a while a second one."""
    ground = cv2.resize(photograph("coffee.png"), (640, 480), interpolation=cv2.INTER_AREA)
    face = photograph("astronaut.png")[20:230, 110:340]
    places = [(10 + number, 20)] + ([(400, 250)] if number % 100 < 50 else [])
    for left, top in places:
        ground[top : top + 210, left : left + 230] = face
    return ground


def measure(folder: str, options: list[str]) -> tuple[float, float]:
    """Return the frames a second that the command says, and the seconds of processor time that it took."""
    Path(folder, "out.mp4").unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [EYESPOT, "watch", "model.onnx", "faces.avi", "--json", *options]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(rf"{FRAMES} classified, ([\d.]+) a second", done.stderr)
    if not found:
        sys.exit(done.stderr)
    return float(found[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
