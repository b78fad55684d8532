"""What it weighs to install and takes to start: eyespot on a device, against what else a user would take.

Usage: python tests/benchmarks/install.py [NAME...]
Each is installed into an environment of its own (ultralytics brings PyTorch and its CUDA libraries: gigabytes), and
then started in turns: a process that imports what classifies one picture, loads MiniVGGNet (ultralytics another
network, its own smallest classifier, without trained weights) and answers once. Peaks are the resident memory of
those processes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from verdicts import at_most, ratios

ROOT = Path(__file__).parent.parent.parent
PINS = (ROOT / "constraints.txt", Path(__file__).with_name("requirements.txt"))
UNPINNED = ("ultralytics",)  # which has ideas of its own about what it needs
RUNS = 11
PICTURE = "import cv2, numpy as np; p = cv2.imread('picture.jpg'); "
PREPARED = "x = (cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA)[None] / 255).astype(np.float32); "
PEERS = {
    "onnxruntime": (
        ["onnxruntime", "opencv-python-headless"],
        PREPARED + "import onnxruntime as o; o.InferenceSession('network.onnx').run(None, {'network_input': x})",
    ),
    "LiteRT": (
        ["ai-edge-litert", "opencv-python-headless"],
        PREPARED + "from ai_edge_litert.interpreter import Interpreter as I; i = I('model.tflite'); "
        "i.allocate_tensors(); i.set_tensor(i.get_input_details()[0]['index'], x); i.invoke()",
    ),
    "OpenVINO": (
        ["openvino", "opencv-python-headless"],
        PREPARED + "import openvino as v; m = v.Core().read_model('network.onnx'); m.reshape([1, 32, 32, 3]); "
        "v.Core().compile_model(m, 'CPU').create_infer_request().infer([x])",
    ),
    "Keras": (
        ["tensorflow", "opencv-python-headless"],
        PREPARED + "import keras; keras.models.load_model('model.keras', compile=False)(x)",
    ),
    "ultralytics": (
        ["ultralytics"],
        "import numpy as np; from ultralytics import YOLO; YOLO('yolo11n-cls.yaml', task='classify', verbose=False)"
        ".predict('picture.jpg', imgsz=32, verbose=False)",
    ),
}


def main() -> None:
    names = sys.argv[1:] or list(PEERS)
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        ours = install(Path(folder), "eyespot", [f"{ROOT}[cpu]"], PINS).with_name("eyespot")
        commands = {"eyespot": [str(ours), "classify", "model.onnx", "picture.jpg"]}
        for name in names:
            packages, script = PEERS[name]
            python = install(Path(folder), name, packages, () if name in UNPINNED else PINS)
            commands[name] = [str(python), "-c", script if name == "ultralytics" else PICTURE + script]
        # The first turn fills the disk's cache.
        turns = [one_turn(commands, folder, first) for first in range(RUNS + 1)][1:]
        sizes = {name: size_mb(Path(folder, name)) for name in commands}
    for name in commands:
        seconds, peaks = ([turn[name][i] for turn in turns] for i in (0, 1))
        print(f"{name:<14} {sizes[name]:8.0f} MB installed, {statistics.median(seconds):6.2f} s to the first answer, ")
        print(f"{'':<14} {statistics.median(peaks):8.0f} MB at most")
    for name in names:
        # onnxruntime is inside eyespot: what it takes, eyespot takes too.
        goals = (1.05, 1.2, 1.15) if name == "onnxruntime" else (1.0, 1.0, 1.0)
        shown = f"{name}, another network" if name == "ultralytics" else name
        at_most(f"installed, eyespot / {name}", sizes["eyespot"] / sizes[name], goals[0])
        for i, what in enumerate(("first answer", "memory")):
            ours, theirs = ([turn[one][i] for turn in turns] for one in ("eyespot", name))
            at_most(f"{what}, eyespot / {shown}", ratios(ours, theirs), goals[i + 1])


def one_turn(commands: dict[str, list[str]], folder: str, first: int) -> dict[str, tuple[float, float]]:
    """Return seconds and megabytes of each, beginning with number `first`: nobody always comes after the same one."""
    names = list(commands)
    first %= len(names)
    return {name: start(commands[name], folder) for name in names[first:] + names[:first]}


def make_files(folder: Path) -> None:
    """Write MiniVGGNet with random weights in the form that each takes, and a picture."""
    sys.path.insert(0, str(ROOT))
    command = [sys.executable, str(Path(__file__).with_name("latency_models.py")), "minivggnet", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    from tests.benchmarks.minivgg import make_artifact

    (folder / "model.onnx").write_bytes(make_artifact())
    (folder / "plain.onnx").rename(folder / "network.onnx")
    import cv2
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    cv2.imwrite(str(folder / "picture.jpg"), cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))


def install(folder: Path, name: str, packages: Iterable[str], pins: Iterable[Path]) -> Path:
    """Return the python of a new environment that holds `packages`, in the versions of the files `pins`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / name)], check=True)
    python = folder / name / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages, *(word for file in pins for word in ("-c", str(file)))], check=True)
    return python


def start(command: list[str], folder: str) -> tuple[float, float]:
    """Return the seconds that a process took and the megabytes that it held at most.

    It is started by a small one of its own, because a process begins with what the one that started it had.
    """
    lean = "import json, os, resource, subprocess, sys, time; t = time.perf_counter(); c = json.loads(sys.argv[1]); "
    lean += "n = subprocess.DEVNULL; subprocess.run(c, check=True, stdout=n, stderr=n); s = time.perf_counter() - t; "
    lean += "print(s, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)"
    environment = {**os.environ, "YOLO_OFFLINE": "true", "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [sys.executable, "-S", "-c", lean, json.dumps(command)]
    done = subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    time.sleep(0.05)  # the next one begins on a machine at rest
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def size_mb(environment: Path) -> float:
    """Return what the packages of an environment weigh."""
    files = (file for file in (environment / "lib").rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
