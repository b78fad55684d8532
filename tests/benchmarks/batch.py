"""How fast `eyespot batch` is, against two bare processes and against Keras, and that its memory stays flat.

Usage: python -m tests.benchmarks.batch [lite0] [speed] [photos] [memory]
Goals: at least 0.85 of two bare processes (cv2 and onnxruntime only), 1.3 of Keras's image_dataset_from_directory with
       predict and 2.2 of it in int8, MiniVGGNet, JPEGs of 320x240; at least 0.95 of two bare processes with the
       photographs' network, which run the same file; --fast-decode at least 3 times the full decode on
       12 megapixels (enlarged digits with grain) with 99 % equal answers; no more memory for 100,000 inputs than for
       1,000, and at most 1.1 times the time of each. Keras is started and warmed up before its clock begins, ours and
       the bare processes are not. Keras resizes bilinearly, all others by area.
Limits: two processes that do nothing but what no batch can leave out, decoding and the model itself as eyespot runs
       them, are measured beside it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from serving.inference.sessions import split_model
from tests.benchmarks.measuring import EYESPOT, Usage, at_least, at_most, in_turns, measure, ratios
from tests.benchmarks.minivgg import make_artifact, make_int8

ROOT = Path(__file__).parent.parent.parent
IMAGES, LITE0_IMAGES, ROUNDS, PHOTOS, PHOTO_SIDES = 12_000, 3_000, 5, 60, (4000, 3000)
PHOTO_NAMES = 240  # of each picture several: what starting takes shall not be measured with it
COUNTS, LINKS = (1_000, 100_000), 50_000  # a file system allows so many links to one file: 65,000 where it is ext4
LITE0_ROUNDS = 3  # a turn takes a minute
FLAT_MB = 10  # what the allocator keeps differs by a few from run to run
LEAN = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

MAKE_KERAS = """
from training.networks.architecture import Architecture
from training.networks.book import build_minivggnet
build_minivggnet(Architecture(32, 32, 3, 10)).save("network.keras")
"""

# Two processes: each takes every other file, prepares it as its argument says, and runs the model.
TWO = """
import subprocess, sys
if len(sys.argv) == 3:
    sys.exit(any([p.wait() for p in [subprocess.Popen([*sys.orig_argv, str(i)]) for i in range(2)]]))
import glob, cv2, numpy as np, onnxruntime
cv2.setNumThreads(1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
for path in sorted(glob.glob("images/*/*.jpg"))[int(sys.argv[3])::2]:
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    if sys.argv[2] == "bare":
        pixels = cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    session.run(None, {name: pixels[None]})
"""

KERAS = """
import time, keras
model = keras.models.load_model("network.keras", compile=False)
def once():
    settings = {"image_size": (32, 32), "batch_size": 32, "shuffle": False, "verbose": 0}
    data = keras.utils.image_dataset_from_directory("images", **settings)
    model.predict(data.map(lambda x, y: x / 255).prefetch(8), verbose=0)
once()
started, busy = time.perf_counter(), time.process_time()
once()
print(time.perf_counter() - started, time.process_time() - busy)
"""


def main() -> None:
    parts = {"lite0": measure_lite0, "speed": measure_speed, "photos": measure_photos, "memory": measure_memory}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        content = make_artifact()
        Path("model.onnx").write_bytes(content)
        for part in sys.argv[1:] or parts:
            parts[part]()


def picture(chance: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return smooth colours with some grain; a JPEG of it has about a photograph's size."""
    smooth = cv2.resize(chance.integers(0, 256, (12, 16, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + chance.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def measure_speed() -> None:
    Path("int8.onnx").write_bytes(make_int8())
    Path("network.onnx").write_bytes(split_model(Path("model.onnx").read_bytes(), "model")[1])
    python(MAKE_KERAS)
    draw(IMAGES)
    two = [sys.executable, "-c", TWO]
    commands = {
        "bare": [*two, "network.onnx", "bare"],
        "float32": batch("images"),
        "int8": batch("images", model="int8.onnx"),
        "limit": [*two, "model.onnx", "whole"],
        "limit int8": [*two, "int8.onnx", "whole"],
    }
    calls = {name: partial(measure, command, ".") for name, command in commands.items()}
    found = in_turns(calls | {"keras": keras}, ROUNDS)
    for name, usages in found.items():
        wall, cpu = (statistics.median(getattr(usage, kind) for usage in usages) for kind in ("seconds", "processor_s"))
        print(f"{name:<20}{IMAGES / wall:8.0f} images/s, {cpu / IMAGES * 1e3:.2f} ms of processor time each")
    for ours, others, title, goal in (
        ("float32", "bare", "batch, times two bare processes", 0.85),
        ("float32", "keras", "batch, times Keras", 1.3),
        ("int8", "keras", "batch in int8, times Keras", 2.2),
        ("limit", "keras", "decoding and the model alone, times Keras", None),
        ("limit int8", "keras", "decoding and the model in int8 alone, times Keras", None),
    ):
        for kind, words in (("seconds", ""), ("processor_s", ", processor time")):
            mine, theirs = ([getattr(usage, kind) for usage in found[name]] for name in (ours, others))
            at_least(title + words, ratios(theirs, mine), goal)


def draw(count: int) -> None:
    """Write JPEGs of 320x240 into images/a and images/b."""
    chance = np.random.default_rng(0)
    for i in range(count):
        path = Path("images", "ab"[i % 2], f"{i:05}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(chance, 320, 240), [cv2.IMWRITE_JPEG_QUALITY, 90])


def measure_lite0() -> None:
    subprocess.run([EYESPOT, "pretrained", "efficientnet-lite0"], check=True, capture_output=True)
    draw(LITE0_IMAGES)
    model = "efficientnet-lite0.onnx"
    two = partial(measure, [sys.executable, "-c", TWO, model, "whole"], ".")
    found = in_turns({"ours": partial(measure, batch("images", model=model), "."), "two": two}, LITE0_ROUNDS)
    ours, bare = ([usage.seconds for usage in found[name]] for name in ("ours", "two"))
    at_least("batch, times two bare processes, photographs' network", ratios(bare, ours), 0.95)


def keras() -> Usage:
    return Usage(*map(float, python(KERAS).split()), 0.0)


def python(code: str) -> str:
    environment = os.environ | LEAN | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def measure_photos() -> None:
    from sklearn.datasets import load_digits

    train = [EYESPOT, "train", "lenet", "--dataset", "digits", "--epochs", "10", "--output", "run"]
    subprocess.run(train, check=True, capture_output=True)
    subprocess.run([EYESPOT, "export", "run", "--output", "digits.onnx"], check=True, capture_output=True)
    chance = np.random.default_rng(0)
    Path("photos").mkdir()
    for i, digit in enumerate(load_digits().images[:PHOTOS]):
        large = cv2.resize((digit * 15).astype(np.uint8), PHOTO_SIDES, interpolation=cv2.INTER_CUBIC)
        grain = chance.normal(0, 6, (*large.shape, 1))
        photo = np.clip(large[..., None] + grain, 0, 255).astype(np.uint8).repeat(3, axis=2)
        cv2.imwrite(f"photos/{i:03}.jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 90])
    for i in range(PHOTOS, PHOTO_NAMES):
        os.link(f"photos/{i % PHOTOS:03}.jpg", f"photos/{i:03}.jpg")

    def answered(*options: str) -> tuple[float, list[str]]:
        seconds = measure(batch("photos", *options, model="digits.onnx"), ".").seconds
        rows = map(json.loads, Path("r.jsonl").read_bytes().splitlines())
        return seconds, [row["predictions"][0]["label"] for row in rows]

    found = in_turns({"full": answered, "fast": lambda: answered("--fast-decode")}, ROUNDS)
    full, fast = ([seconds for seconds, _ in found[name]] for name in ("full", "fast"))
    same = np.mean([a == b for a, b in zip(found["full"][0][1], found["fast"][0][1], strict=True)])
    print(f"{PHOTO_NAMES} pictures of 12 megapixels: {statistics.median(full):.2f} s, {statistics.median(fast):.2f} s")
    at_least("batch --fast-decode, times the full decode", ratios(full, fast), 3)
    at_least("batch --fast-decode, share of equal answers", float(same), 0.99)


def measure_memory() -> None:
    for i in range(0, COUNTS[-1], LINKS):
        cv2.imwrite(f"tiny-{i // LINKS}.png", picture(np.random.default_rng(0), 16, 12))
    found: dict[tuple[str, int], Usage] = {}
    for count in COUNTS:
        Path("list.txt").write_text("tiny-0.png\n" * count)
        Path("wide").mkdir(exist_ok=True)
        for i in range(len(os.listdir("wide")), count):
            os.link(f"tiny-{i // LINKS}.png", f"wide/{i}.png")
        for source in ("list.txt", "wide"):
            found[source, count] = measure(batch(source), ".")
    for source in ("list.txt", "wide"):
        some, many = (found[source, count] for count in COUNTS)
        at_most(f"batch, memory of 100,000 inputs over 1,000, {source}", many.peak_mb - some.peak_mb, FLAT_MB, "MB")
        each = (many.seconds / COUNTS[1]) / (some.seconds / COUNTS[0])
        at_most(f"batch, time of one of 100,000 inputs / of 1,000, {source}", each, 1.1)


def batch(source: str, *options: str, model: str = "model.onnx") -> list[str]:
    return [EYESPOT, "batch", model, source, "--output", "r.jsonl", "--quiet", "--overwrite", *options]


if __name__ == "__main__":
    main()
