"""How the cost grows with the work: connections, files, the side of a picture, pictures in one call.

Usage: python tests/benchmarks/scaling.py [connections] [files] [side] [pictures]
What is printed is the cost of one unit as the work grows; goals only where more of the same may not cost more each:
a file of 100,000 at most 1.1 times one of 10,000, a pixel of 4,000 x 4,000 at most 1.2 times one of 1,000 x 1,000,
a picture of 64 in a call at most 1.1 times one alone.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from edge.classifier import Classifier
from tests.benchmarks.http_service import EYESPOT, WORKERS, make_files, serving_load
from tests.benchmarks.verdicts import at_least, at_most, ratios

ROUNDS = 5
CONNECTIONS, SECONDS = ("1", "4", "16", "64"), "4"
FILES = (1_000, 10_000, 100_000)
SIDES_PX = (32, 128, 500, 1000, 2000, 4000)
PICTURES = (1, 4, 16, 64)


def main() -> None:
    parts = {"connections": connections, "files": files, "side": side, "pictures": pictures}
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name))
        os.chdir(name)
        for part in sys.argv[1:] or parts:
            parts[part]()


def connections() -> None:
    ours = [EYESPOT, "serve", str(Path("model.onnx").resolve()), "--workers", WORKERS, "--no-access-log", "--port"]
    photo = [str(Path("photo.jpg").resolve())]
    rounds = [
        serving_load(lambda port: [*ours, port], "/v1/classify?top_k=10", photo, CONNECTIONS, SECONDS) for _ in range(3)
    ]
    for n in CONNECTIONS:
        rate, p50, p99 = (
            statistics.median(round_[n][key] for round_ in rounds) for key in ("per_second", "p50_ms", "p99_ms")
        )
        print(f"{n:>4} connections  {rate:7.0f} a second, p50 {p50:.2f}, p99 {p99:.2f} ms")
    most, some = ([round_[n]["per_second"] for round_ in rounds] for n in ("64", "16"))
    at_least("HTTP, answers a second, 64 connections / 16", ratios(most, some), 0.9)


def files() -> None:
    cv2.imwrite("tiny.png", np.full((48, 64, 3), 90, np.uint8))
    seconds: dict[int, list[float]] = {count: [] for count in FILES}
    for _ in range(3):
        for count in FILES:
            Path("list.txt").write_text("tiny.png\n" * count)
            command = [EYESPOT, "batch", "model.onnx", "list.txt", "--output", "r.jsonl", "--quiet", "--overwrite"]
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[count].append((time.perf_counter() - started) / count)
    for count, each in seconds.items():
        print(f"{count:>8,} files   {statistics.median(each) * 1e6:7.0f} us each, start included")
    at_most("batch, a file of 100,000 / of 10,000", ratios(seconds[100_000], seconds[10_000]), 1.1)


def side() -> None:
    classifier = Classifier.load("model.onnx", threads=1)
    chance = np.random.default_rng(0)
    work = {px: chance.integers(0, 256, (px, px, 3), np.uint8) for px in SIDES_PX}
    seconds = in_turns({px: lambda image=image: classifier.probabilities(image[None]) for px, image in work.items()})
    for px, spent in seconds.items():
        print(f"{px:>6} pixels wide  {statistics.median(spent) * 1e3:8.2f} ms")
    pixels = {px: [value / px**2 for value in spent] for px, spent in seconds.items()}
    at_most("classify, a pixel of 4,000 x 4,000 / of 1,000 x 1,000", ratios(pixels[4000], pixels[1000]), 1.2)


def pictures() -> None:
    classifier = Classifier.load("model.onnx", threads=1)
    chance = np.random.default_rng(0)
    work = {n: chance.integers(0, 256, (n, 240, 320, 3), np.uint8) for n in PICTURES}
    seconds = in_turns({n: lambda images=images: classifier.probabilities(images) for n, images in work.items()})
    each = {n: [value / n for value in spent] for n, spent in seconds.items()}
    for n, spent in each.items():
        print(f"{n:>4} in a call  {statistics.median(spent) * 1e3:8.3f} ms each")
    at_most("classify, a picture of 64 in a call / of 1", ratios(each[64], each[1]), 1.1)


def in_turns(calls: dict[int, Callable[[], object]]) -> dict[int, list[float]]:
    """Return the seconds of each call in each of the rounds."""
    seconds: dict[int, list[float]] = {key: [] for key in calls}
    for i in range(3 * ROUNDS + 1):
        for key, call in calls.items():
            started = time.perf_counter()
            call()
            if i:
                seconds[key].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
