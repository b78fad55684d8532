"""How much memory `eyespot classify` takes, against a bare script that does the same, and what an installation weighs.

Usage: python tests/benchmarks/memory.py [RUNS] [--no-install]
Goals: at most 1.15 times the peak of cv2 and onnxruntime alone, on a small picture and on one of 12 megapixels (medians
       of interleaved runs), and a base install with `cpu` of less than 300 MB, which is made in a folder of its own,
       here and for the processor of a Raspberry Pi.

Peaks are the resident memory that the system counted for each process when it ended. This script imports nothing large,
since a process begins with what the one that started it had.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

from verdicts import at_most

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
ROOT = Path(__file__).parent.parent.parent
BARE = """
import sys, cv2, onnxruntime
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
image = cv2.cvtColor(cv2.imread(sys.argv[1]), cv2.COLOR_BGR2RGB)
print(session.run(["probabilities"], {"image": image[None]})[0])
"""
# Soft noise, which a JPEG holds in about as many bytes as a photograph.
PICTURES = {"small.jpg": (640, 480), "large.jpg": (4000, 3000)}
MAKE_PICTURE = """
import sys, cv2, numpy
name, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
noise = numpy.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), numpy.uint8)
cv2.imwrite(name, cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
"""
FOR_A_PI = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11"] + [
    f"--platform=manylinux{version}_aarch64" for version in ("_2_28", "_2_27", "_2_17", "2014")
]
GOAL, INSTALL_GOAL_MB = 1.15, 300
DEFAULT_RUNS = 11
SHOWN_PARTS = 8


def main() -> None:
    numbers = [text for text in sys.argv[1:] if text.isdecimal()]
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        for name, (width, height) in PICTURES.items():
            command = [sys.executable, "-c", MAKE_PICTURE, name, str(width), str(height)]
            subprocess.run(command, cwd=folder, check=True)
            compare(folder, name, int(numbers[0]) if numbers else DEFAULT_RUNS)
        if "--no-install" not in sys.argv:
            weigh(Path(folder, "here"), "base and cpu, installed here", f"{ROOT}[cpu]")
            weigh(Path(folder, "pi"), "what they need, on a 64-bit Raspberry Pi", *FOR_A_PI, *requirements())


def make_model(folder: str) -> None:
    """Train one epoch: the file has the size and the operators of the real one, which is all that counts here."""
    for command in (
        ["train", "lenet", "--epochs", "1", "--output", "run"],
        ["export", "run", "--output", "model.onnx"],
    ):
        subprocess.run([EYESPOT, *command], cwd=folder, check=True, capture_output=True)


def compare(folder: str, picture: str, runs: int) -> None:
    ours = [EYESPOT, "classify", "model.onnx", picture]
    bare = [sys.executable, "-c", BARE, picture]
    pairs = [(peak_mb(ours, folder), peak_mb(bare, folder)) for _ in range(runs + 1)][1:]
    print(f"{picture}, median of {runs}")
    print(f"  eyespot classify       {statistics.median(mine for mine, _ in pairs):6.1f} MB")
    print(f"  cv2 and onnxruntime    {statistics.median(theirs for _, theirs in pairs):6.1f} MB")
    at_most(f"memory, classify / bare script, {picture}", [mine / theirs for mine, theirs in pairs], GOAL)


def peak_mb(command: list[str], folder: str) -> float:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss * 1024 / 1e6


def weigh(target: Path, title: str, *what: str) -> None:
    """Install `what` into `target` and print what it weighs, the heaviest first."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), *what], check=True)
    weights = {path.name: weight(path) for path in target.iterdir()}
    total = sum(weights.values())
    compiled = sum(path.stat().st_size for path in target.rglob("*.pyc"))
    at_most(title, total / 1e6, INSTALL_GOAL_MB, "MB")
    for name, size in Counter(weights).most_common(SHOWN_PARTS):
        print(f"  {size / 1e6:6.1f} MB   {name}")
    print(f"  {compiled / 1e6:6.1f} MB   of it is compiled Python, which 'pip install --no-compile' leaves out")


def requirements() -> list[str]:
    """Return what pyproject.toml asks for on a device, for a platform that eyespot itself cannot be built for here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def weight(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file())


if __name__ == "__main__":
    main()
