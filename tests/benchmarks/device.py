"""What eyespot weighs and takes on a device, against bare scripts and against what else a user would install.

Usage: python -m tests.benchmarks.device [NAME...]
Goals: 200 MB installed here and 140 MB for a 64-bit Raspberry Pi; `classify` of one picture at most 1.2 times as long
       as `import numpy, PIL, onnxruntime` with the session, and 1.15 times the memory of a bare script, also for a
       picture of 12 megapixels; not behind LiteRT, OpenVINO, Keras and ultralytics in size, first answer or memory.

Each is installed into its own environment (ultralytics brings PyTorch and its CUDA libraries: gigabytes) and then
started in turns: a process that loads MiniVGGNet (ultralytics its own smallest classifier, untrained) and answers once.
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.measuring import at_most, in_turns, measure, ratios
from tests.benchmarks.minivgg import make_artifact

ROOT = Path(__file__).parent.parent.parent
PINS = (ROOT / "constraints.txt", Path(__file__).with_name("requirements.txt"))
UNPINNED = ("ultralytics",)  # it needs other versions
RUNS = 11
FOR_A_PI = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11"] + [
    f"--platform=manylinux{version}_aarch64" for version in ("_2_28", "_2_27", "_2_17", "2014")
]
START = "import numpy, PIL.Image, onnxruntime as o; o.InferenceSession('model.onnx')"
BARE = "import sys, numpy as np, onnxruntime as o; from PIL import Image; "
BARE += "o.InferenceSession('model.onnx').run(None, {'image': np.asarray(Image.open(sys.argv[1]))[None]})"
PICTURE = "import sys, cv2, numpy as np; p = cv2.imread(sys.argv[1]); "
PICTURE += "x = (cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA)[None] / 255).astype(np.float32); "
# What each installs, and its script, which gets the picture.
PEERS = {
    "onnxruntime and Pillow": (["onnxruntime", "pillow"], BARE),
    "LiteRT": (
        ["ai-edge-litert", "opencv-python-headless"],
        PICTURE + "from ai_edge_litert.interpreter import Interpreter as I; i = I('model.tflite'); "
        "i.allocate_tensors(); i.set_tensor(i.get_input_details()[0]['index'], x); i.invoke()",
    ),
    "OpenVINO": (
        ["openvino", "opencv-python-headless"],
        PICTURE + "import openvino as v; m = v.Core().read_model('plain.onnx'); m.reshape([1, 32, 32, 3]); "
        "v.Core().compile_model(m, 'CPU').create_infer_request().infer([x])",
    ),
    "Keras": (
        ["tensorflow", "opencv-python-headless"],
        PICTURE + "import keras; keras.models.load_model('model.keras', compile=False)(x)",
    ),
    "ultralytics": (
        ["ultralytics"],
        "import sys; from ultralytics import YOLO; YOLO('yolo11n-cls.yaml', task='classify', verbose=False)"
        ".predict(sys.argv[1], imgsz=32, verbose=False)",
    ),
}


def main() -> None:
    names = sys.argv[1:] or list(PEERS)
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        ours = install(Path(folder), "eyespot", [f"{ROOT}[cpu]"], PINS)
        classify = [str(ours.with_name("eyespot")), "classify", "model.onnx"]
        bare = [str(ours), "-c", BARE]
        scripts = {name: [str(install(Path(folder), name, *what(name))), "-c", PEERS[name][1]] for name in names}
        commands = {"eyespot": [*classify, "small.jpg"], "start": [str(ours), "-c", START]}
        commands |= {"eyespot, large": [*classify, "large.jpg"], "bare, large": [*bare, "large.jpg"]}
        commands |= {name: [*script, "small.jpg"] for name, script in scripts.items()}
        quiet = {"YOLO_OFFLINE": "true", "TF_CPP_MIN_LOG_LEVEL": "3"}
        calls = {name: lambda command=command: measure(command, folder, **quiet) for name, command in commands.items()}
        found = in_turns(calls, RUNS)
        sizes = {name: size_mb(Path(folder, name)) for name in ("eyespot", *names)}
        on_a_pi = weigh_for_a_pi(Path(folder, "pi"))
    seconds = {name: [usage.seconds for usage in usages] for name, usages in found.items()}
    peaks = {name: [usage.peak_mb for usage in usages] for name, usages in found.items()}
    at_most("installed, base and cpu", sizes["eyespot"], 200, "MB")
    at_most("installed, on a 64-bit Raspberry Pi", on_a_pi, 140, "MB")
    at_most("start, classify / imports and session", ratios(seconds["eyespot"], seconds["start"]), 1.2)
    at_most(
        "memory, 12 megapixels, classify / bare script", ratios(peaks["eyespot, large"], peaks["bare, large"]), 1.15
    )
    for name in names:
        # onnxruntime is inside eyespot: what it takes, eyespot takes too.
        size, first, memory = (1.1, 1.2, 1.15) if name == "onnxruntime and Pillow" else (1.0, 1.0, 1.0)
        at_most(f"installed, eyespot / {name}", sizes["eyespot"] / sizes[name], size)
        at_most(f"first answer, eyespot / {name}", ratios(seconds["eyespot"], seconds[name]), first)
        at_most(f"memory, eyespot / {name}", ratios(peaks["eyespot"], peaks[name]), memory)


def make_files(folder: Path) -> None:
    """Write MiniVGGNet with random weights in the form that each takes, and two pictures of soft noise."""
    command = [sys.executable, "-m", "tests.benchmarks.latency_models", "minivggnet", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (folder / "model.onnx").write_bytes(make_artifact())
    for name, sides in (("small.jpg", (320, 240)), ("large.jpg", (4000, 3000))):
        noise = np.random.default_rng(0).integers(0, 256, (sides[1] // 4, sides[0] // 4, 3), np.uint8)
        Image.fromarray(noise).resize(sides, Image.Resampling.BICUBIC).save(folder / name, quality=95)


def what(name: str) -> tuple[list[str], Iterable[Path]]:
    return PEERS[name][0], () if name in UNPINNED else PINS


def install(folder: Path, name: str, packages: Iterable[str], pins: Iterable[Path]) -> Path:
    """Return the python of a new environment that holds `packages`, in the versions of the files `pins`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / name)], check=True)
    python = folder / name / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages, *(word for file in pins for word in ("-c", str(file)))], check=True)
    return python


def weigh_for_a_pi(target: Path) -> float:
    """Return what the wheels weigh that a Pi would install: those of the base install and the extra `cpu`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheels = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*pip, "-c", str(PINS[0]), *FOR_A_PI, *wheels], check=True)
    return size_mb(target)


def size_mb(folder: Path) -> float:
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
