"""Networks from elsewhere, taken in: PyTorch's by both of its exporters, and every classifier of keras.applications.

    python -m tests.benchmarks.foreign torch   installs PyTorch, torchvision and timm in a new environment
    python -m tests.benchmarks.foreign keras   at each network's own size; weights are random, figures are of the graph

Each line names the network, whether it was taken, the largest difference to the source, and seconds.
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
# The preset that a network of keras.applications was trained with, by the beginning of its name.
PRESETS = {
    **dict.fromkeys(("VGG", "ResNet50", "ResNet101", "ResNet152"), "caffe"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2", "Inception", "MobileNet", "NASNet", "Xception"), "tf"),
    **dict.fromkeys(("EfficientNet", "MobileNetV3", "ConvNeXt"), "raw"),
    "DenseNet": "torch",
}


def torch_networks(folder: Path) -> None:
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


def keras_networks(folder: Path) -> None:
    from export.quiet_tensorflow import start_tensorflow

    start_tensorflow()
    import keras

    for name in sorted(name for name in vars(keras.applications) if name[0].isupper()):
        preset = PRESETS[max((key for key in PRESETS if name.startswith(key)), key=len)]
        keras.utils.set_random_seed(0)
        network = getattr(keras.applications, name)(weights=None)
        side = network.input_shape[1] or 224
        path = folder / f"{name}.keras"
        network.save(path)
        options = ["--preprocessing", preset, *([] if network.input_shape[1] else ["--size", f"{side}x{side}"])]
        take(f"{name} {side}x{side} {preset}", ["export", str(path), *options], folder, 1000)
        path.unlink()


def take(title: str, command: list[str], folder: Path, classes: int) -> None:
    """Run a command of eyespot on a network and print what came of it."""
    labels, output = folder / "labels.json", folder / "taken.onnx"
    labels.write_text(json.dumps([f"class {i}" for i in range(classes)]))
    output.unlink(missing_ok=True)
    start = time.perf_counter()
    # Random weights answer nearly the same of everything, by far more than both sides differ.
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
        {"torch": torch_networks, "keras": keras_networks}[sys.argv[1]](Path(folder))


if __name__ == "__main__":
    main()
