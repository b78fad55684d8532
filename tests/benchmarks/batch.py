"""How fast `eyespot batch` is, against two bare processes and against Keras, and that its memory stays flat.

Usage: python tests/benchmarks/batch.py [speed] [photos] [memory]
Goals: at least 0.85 of two bare processes (cv2 and onnxruntime only), 1.3 of Keras's image_dataset_from_directory with
       predict and 2.2 of it in int8, MiniVGGNet, JPEGs of 320x240; --fast-decode at least 3 times the full decode on
       12 megapixels (enlarged digits with grain) with 99 % equal answers; no more memory for 100,000 inputs than for
       1,000. Medians of interleaved runs; Keras is started and warmed up before its clock begins, ours and the bare
       processes are not. Keras resizes bilinearly, all others by area.
Limits: two processes that do nothing but what no batch can leave out, decoding and the model itself as eyespot runs
       them, are measured beside it. Where they do not reach a goal, no more can be had of what lies around those two.
"""

import json
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

from serving.inference.sessions import split_model
from tests.benchmarks.minivgg import make_artifact, make_int8
from tests.benchmarks.verdicts import at_least, at_most, ratios

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
IMAGES, ROUNDS, PHOTOS, PHOTO_SIDES = 12_000, 5, 60, (4000, 3000)
PHOTO_NAMES = 240  # of each picture several: what starting takes shall not be measured with it
LINKS = 50_000
FLAT_MIB = 10  # what the allocator keeps differs by a few from run to run
LEAN = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

MAKE_KERAS = """
from export.quiet_tensorflow import start_tensorflow
start_tensorflow()
from training.networks.architecture import Architecture
from training.networks.book import build_minivggnet
build_minivggnet(Architecture(32, 32, 3, 10)).save("network.keras")
"""

BARE = """
import sys, glob, cv2, numpy as np, onnxruntime
cv2.setNumThreads(1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("network.onnx", options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
for path in sorted(glob.glob("images/*/*.jpg"))[int(sys.argv[1])::2]:
    image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    session.run(None, {name: small[None].astype(np.float32) / 255})
"""

LIMIT = """
import sys, glob, cv2, numpy as np, onnxruntime
cv2.setNumThreads(1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])
for path in sorted(glob.glob("images/*/*.jpg"))[int(sys.argv[1])::2]:
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    session.run(None, {"image": pixels[None]})
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
    parts = sys.argv[1:] or ["speed", "photos", "memory"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        if "speed" in parts or "memory" in parts:
            make_models()
        for part in parts:
            {"speed": measure_speed, "photos": measure_photos, "memory": measure_memory}[part]()


def make_models() -> None:
    content = make_artifact()
    Path("model.onnx").write_bytes(content)
    Path("int8.onnx").write_bytes(make_int8())
    Path("network.onnx").write_bytes(split_model(content, "model")[1])
    subprocess.run([sys.executable, "-c", MAKE_KERAS], check=True, env=LEAN, capture_output=True)


def picture(chance: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return smooth colours with some grain; a JPEG of it has about a photograph's size."""
    smooth = cv2.resize(chance.integers(0, 256, (12, 16, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + chance.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def measure_speed() -> None:
    chance = np.random.default_rng(0)
    for i in range(IMAGES):
        path = Path("images", "ab"[i % 2], f"{i:05}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(chance, 320, 240), [cv2.IMWRITE_JPEG_QUALITY, 90])
    found: dict[str, list[tuple[float, float]]] = {}
    for turn in range(ROUNDS):
        turns = list(SPEEDS.items())
        # Nobody always comes after the same one: a machine that has just worked hard may be slower.
        for name, measured in turns[turn % len(turns) :] + turns[: turn % len(turns)]:
            found.setdefault(name, []).append(measured())
    for name, pairs in found.items():
        wall, cpu = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{name:<20}{IMAGES / wall:8.0f} images/s, {cpu / IMAGES * 1e3:.2f} ms of processor time each")
    for ours, others, name, goal in (
        ("float32", "bare", "batch, times two bare processes", 0.85),
        ("float32", "keras", "batch, times Keras", 1.3),
        ("int8", "keras", "batch in int8, times Keras", 2.2),
        ("limit", "keras", "decoding and the model alone, times Keras", None),
        ("limit int8", "keras", "decoding and the model in int8 alone, times Keras", None),
    ):
        for column, kind in enumerate(("", ", processor time")):
            pairs = zip(found[others], found[ours], strict=True)
            at_least(name + kind, [other[column] / own[column] for other, own in pairs], goal)


def measure_photos() -> None:
    from sklearn.datasets import load_digits

    train = [EYESPOT, "train", "lenet", "--dataset", "digits", "--epochs", "10", "--output", "run"]
    subprocess.run(train, check=True, capture_output=True)
    subprocess.run([EYESPOT, "export", "run", "--output", "model.onnx"], check=True, capture_output=True)
    chance = np.random.default_rng(0)
    Path("photos").mkdir()
    for i, digit in enumerate(load_digits().images[:PHOTOS]):
        large = cv2.resize((digit * 15).astype(np.uint8), PHOTO_SIDES, interpolation=cv2.INTER_CUBIC)
        grain = chance.normal(0, 6, (*large.shape, 1))
        photo = np.clip(large[..., None] + grain, 0, 255).astype(np.uint8).repeat(3, axis=2)
        cv2.imwrite(f"photos/{i:03}.jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 90])
    for i in range(PHOTOS, PHOTO_NAMES):
        os.link(f"photos/{i % PHOTOS:03}.jpg", f"photos/{i:03}.jpg")
    full, fast = [], []
    for _ in range(ROUNDS):
        full.append(seconds(batch("photos", "--overwrite")))
        before = answers()
        fast.append(seconds(batch("photos", "--overwrite", "--fast-decode")))
        after = answers()
    same = np.mean([a == b for a, b in zip(before, after, strict=True)])
    print(f"{PHOTO_NAMES} pictures of 12 megapixels: {statistics.median(full):.2f} s, {statistics.median(fast):.2f} s")
    at_least("batch --fast-decode, times the full decode", ratios(full, fast), 3)
    at_least("batch --fast-decode, share of equal answers", float(same), 0.99)


def measure_memory() -> None:
    # A file system allows so many links to one file: 65,000 where it is ext4.
    for i in range(0, 100_000, LINKS):
        cv2.imwrite(f"tiny-{i // LINKS}.png", picture(np.random.default_rng(0), 16, 12))
    peaks = {}
    for count in (1_000, 100_000):
        Path("list.txt").write_text("tiny-0.png\n" * count)
        Path("wide").mkdir(exist_ok=True)
        for i in range(len(os.listdir("wide")), count):
            os.link(f"tiny-{i // LINKS}.png", f"wide/{i}.png")
        for source in ("list.txt", "wide"):
            peaks[source, count] = peak_mib(batch(source, "--overwrite")[1:])
            rows = Path("r.jsonl").read_bytes().count(b"\n")
            print(f"{source:<9}{rows:8,} rows {peaks[source, count]:8.1f} MiB at most")
    for source in ("list.txt", "wide"):
        grown = peaks[source, 100_000] - peaks[source, 1_000]
        at_most(f"batch, memory of 100,000 inputs over 1,000, {source}", grown, FLAT_MIB, "MiB")


PEAK = """
import sys
from edge.cli import main
if main(sys.argv[1:]):
    raise SystemExit("it failed")
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
OUTPUT: dict[str, object] = {"check": True, "capture_output": True, "text": True}


def two(script: str, *arguments: str) -> list[list[str]]:
    return [[sys.executable, "-c", script, str(i), *arguments] for i in range(2)]


def keras_spent() -> tuple[float, float]:
    wall, cpu = subprocess.run([sys.executable, "-c", KERAS], env=LEAN, **OUTPUT).stdout.split()
    return float(wall), float(cpu)


SPEEDS: dict[str, Callable[[], tuple[float, float]]] = {
    "bare": lambda: spent(two(BARE)),
    "float32": lambda: spent([batch("images", "--overwrite")]),
    "int8": lambda: spent([batch("images", "--overwrite", model="int8.onnx")]),
    "keras": keras_spent,
    "limit": lambda: spent(two(LIMIT, "model.onnx")),
    "limit int8": lambda: spent(two(LIMIT, "int8.onnx")),
}


def batch(source: str, *options: str, model: str = "model.onnx") -> list[str]:
    return [EYESPOT, "batch", model, source, "--output", "r.jsonl", "--quiet", *options]


def answers() -> list[str]:
    return [json.loads(line)["predictions"][0]["label"] for line in Path("r.jsonl").read_bytes().splitlines()]


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def spent(commands: list[list[str]]) -> tuple[float, float]:
    """Return the wall and the processor seconds of commands that run side by side, their start included."""
    started = time.perf_counter()
    processes = [subprocess.Popen(command) for command in commands]
    usages = [os.wait4(process.pid, 0)[1:] for process in processes]
    if any(status for status, _ in usages):
        raise SystemExit("a process failed")
    return time.perf_counter() - started, sum(usage.ru_utime + usage.ru_stime for _, usage in usages)


def peak_mib(arguments: list[str]) -> float:
    """Return the most memory that `eyespot` took. (What wait4 says of a child is at least what its parent had.)"""
    found = subprocess.run([sys.executable, "-c", PEAK, *arguments], **OUTPUT)
    return int(found.stdout.split()[1]) / 1024


if __name__ == "__main__":
    main()
