"""Adopt networks of PyTorch, written by both of its exporters. Needs the package index and 8 GB of disk.

    python -m tests.benchmarks.foreign

PyTorch, torchvision and timm are installed in an environment of their own; weights are random. Each line names the
network, the largest difference to the source or the status of a refusal, and seconds.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edge.errors import EyespotError
from edge.model import read_spec
from eyespot.cli import main as eyespot

CLASSES = 10
TORCH_PACKAGES = ("torch", "torchvision", "timm", "onnx", "onnxscript")
# Class tokens, windows, normalisation over channels, linear attention, and the plainest of all.
TIMM = ("vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "convnext_atto", "efficientvit_b0", "resnet18")
EXPORTERS = ("torchscript", "dynamo")
EXPORT = """
import json, sys
import timm, torch
name, exporter, path, classes = sys.argv[1:]
torch.manual_seed(0)
model = timm.create_model(name, pretrained=False, num_classes=int(classes)).eval()
torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), path, dynamo=exporter == "dynamo")
"""


def run(folder: Path) -> None:
    environment = folder / "torch"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *TORCH_PACKAGES], check=True)
    for name in TIMM:
        for exporter in EXPORTERS:
            path = folder / f"{name}-{exporter}.onnx"
            subprocess.run([str(python), "-c", EXPORT, name, exporter, str(path), str(CLASSES)], check=True)
            take(f"{name} ({exporter})", ["adopt", str(path), "--preprocessing", "torch"], folder, CLASSES)


def take(title: str, command: list[str], folder: Path, classes: int) -> None:
    """Run a command of eyespot on a network and print what came of it."""
    labels, output = folder / "labels.json", folder / "taken.onnx"
    labels.write_text(json.dumps([f"class {i}" for i in range(classes)]))
    output.unlink(missing_ok=True)
    start = time.perf_counter()
    status = eyespot([*command, "--labels", str(labels), "--output", str(output)])
    seconds = time.perf_counter() - start
    try:
        parity = read_spec(output).parity
    except EyespotError:
        parity = None
    found = f"{parity.largest_difference:.1e}" if parity else f"status {status}"
    print(f"{title:<50} {found:>10} {seconds:7.1f} s", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder))


if __name__ == "__main__":
    main()
