"""What `eyespot train FOLDER` reaches on photographs, and what it costs beside one bare forward pass.

Usage:   python -m tests.benchmarks.photographs FOLDER [accuracy] [time] [memory]
FOLDER holds one folder of photographs a class, such as the Animals set of the Starter Bundle.
Goals:   96.0, 98.0 and 98.8 % of the rest with 5, 30 and 200 a class (five draws each); with 30 the out-of-fold figure
         within 2 points of that of the rest and a calibration error of at most 4 %; processor time at most 1.3 of
         decoding, resizing and one Keras forward pass, imports included; at most 150 MB more for 20,000 than for 2,000
"""

import os
import random
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.benchmarks.measuring import EYESPOT, Usage, at_least, at_most, in_turns, measure, ratios

GOALS = {5: 0.96, 30: 0.98, 200: 0.988}
DRAWS, ROUNDS, SIZES = 5, 3, (2_000, 20_000)
ROOT = Path(__file__).parent.parent.parent

# The peer: the same pictures through Pillow and Keras, in batches of 32, and nothing else.
BARE = """
import sys, glob
import numpy as np
from PIL import Image
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
from training.backbones import find_backbone
network = find_backbone("efficientnet-lite0").build(224)
def load(path):
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([max(256, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    return (np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) - 127) / 128
paths = sorted(glob.glob(sys.argv[1] + "/*/*"))
for start in range(0, len(paths), 32):
    network.predict_on_batch(np.stack([load(path) for path in paths[start : start + 32]]))
"""


def main() -> None:
    folder, *parts = Path(sys.argv[1]), *sys.argv[2:]
    for part in parts or ("accuracy", "time", "memory"):
        {"accuracy": measure_accuracy, "time": measure_time, "memory": measure_memory}[part](folder)


def measure_accuracy(folder: Path) -> None:
    from export.quiet_tensorflow import start_tensorflow

    start_tensorflow()
    from training.train import train

    with tempfile.TemporaryDirectory() as place:
        os.environ["EYESPOT_CACHE"] = f"{place}/cache"
        for count, goal in GOALS.items():
            rest, errors, gaps = [], [], []
            for draw in range(DRAWS):
                split = divide(folder, Path(place, f"{count}-{draw}"), count, draw)
                judged = train(str(split / "train"), test=str(split / "rest"), output=split / "judged")
                alone = train(str(split / "train"), output=split / "alone")
                rest.append(judged.accuracy)
                errors.append(judged.evaluation.report.calibration_error)
                gaps.append(abs(alone.accuracy - judged.accuracy))
            at_least(f"accuracy on the rest, {count} a class", rest, goal)
            at_most(f"calibration error, {count} a class", errors, 0.04 if count == 30 else None)
            at_most(f"out-of-fold less that of the rest, {count} a class", gaps, 0.02 if count == 30 else None)


def divide(folder: Path, place: Path, count: int, seed: int) -> Path:
    """Link `count` photographs of each class below `place`/train and the others below `place`/rest."""
    for images in sorted(path for path in folder.iterdir() if path.is_dir()):
        names = sorted(images.iterdir())
        random.Random(seed).shuffle(names)
        for part, chosen in (("train", names[:count]), ("rest", names[count:])):
            (place / part / images.name).mkdir(parents=True)
            for path in chosen:
                (place / part / images.name / path.name).symlink_to(path.resolve())
    return place


def measure_time(folder: Path) -> None:
    bare = [sys.executable, "-c", BARE, str(folder.resolve())]
    calls = {
        "bare": lambda: run(bare),
        "ours": lambda: run([EYESPOT, "train", str(folder.resolve()), "--output", "run"]),
    }
    found = {name: [usage.processor_s for usage in usages] for name, usages in in_turns(calls, ROUNDS).items()}
    at_most("processor time, training over one bare forward pass", ratios(found["ours"], found["bare"]), 1.3)


def measure_memory(folder: Path) -> None:
    peaks = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as place:
            multiply(folder, Path(place, "photos"), size)
            peaks.append(run([EYESPOT, "train", f"{place}/photos", "--output", "run"]).peak_mb)
        print(f"{size:,} photographs: {peaks[-1]:.0f} MB")
    at_most(f"memory, {SIZES[1]:,} photographs over {SIZES[0]:,}", peaks[1] - peaks[0], 150, "MB")


def run(command: list[str]) -> Usage:
    """Return what a command takes in an empty folder and with an empty cache."""
    with tempfile.TemporaryDirectory() as place:
        return measure(command, place, EYESPOT_CACHE=f"{place}/cache", PYTHONPATH=str(ROOT))


def multiply(folder: Path, place: Path, size: int) -> None:
    """Write `size` different photographs: the given ones, each with another margin cut off every time round."""
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    for i in range(size):
        path, margin = paths[i % len(paths)], i // len(paths)
        target = place / path.parent.name / f"{i:06}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.convert("RGB").crop((margin, margin, image.width, image.height)).save(target, quality=85)


if __name__ == "__main__":
    main()
