"""Export the image classifiers of keras.applications, each at its own size with its own preset, and write a table.

    python -m tests.benchmarks.applications docs/applications.md                all of them
    python -m tests.benchmarks.applications docs/applications.md MobileNet VGG  those whose names begin so

Weights are random, because nothing is downloaded; time, memory and differences depend on the graph. Networks that
are in the table already and are not asked for keep their rows.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from edge.model import read_spec

CLASSES = 1000
# The preset that a network was trained with, by the beginning of its name; the longest that fits holds.
PRESETS = {
    **dict.fromkeys(("VGG", "ResNet50", "ResNet101", "ResNet152"), "caffe"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2", "Inception", "MobileNet", "NASNet", "Xception"), "tf"),
    **dict.fromkeys(("EfficientNet", "MobileNetV3", "ConvNeXt"), "raw"),
    "DenseNet": "torch",
}
COLUMNS = ("network", "size", "preset", "parameters", "megabytes", "seconds", "gigabytes", "difference")
# Deviation of the logits from picture to picture; more would enlarge what rounding does to random features.
SPREAD = 0.5
ROW = re.compile(r"\| (\w+) \|")
HEAD = """# Classifiers of keras.applications

Each was built with random weights at its own size, exported with the preset that it was trained with, and compared
with Keras on 24 pictures. Time is that of the whole command (reading, conversion, comparison) on two cores, shared with
other work; memory is the most that the process held; differences are of probabilities. Python {python}, TensorFlow
{tf}, Keras {keras}, tf2onnx {tf2onnx}, onnxruntime {ort}. Made by `tests/benchmarks/applications.py`.

| network | size | preset | parameters (million) | file (MB) | time (s) | memory (GB) | largest difference |
|---|---|---|---|---|---|---|---|
"""


def make(name: str, path: Path) -> dict[str, str]:
    """Write a network to `path`, whose answers depend on the picture as those of a trained one do; return its facts."""
    from export.quiet_tensorflow import start_tensorflow

    start_tensorflow()
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(weights=None)
    side, preset = network.input_shape[1] or 224, PRESETS[max((k for k in PRESETS if name.startswith(k)), key=len)]
    levels = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 3)).repeat(side // 8 + 1, 1).repeat(side // 8 + 1, 2)
    pictures = levels[:, :side, :side].astype(np.float32) * (255 if preset in ("raw", "caffe") else 1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # so that one batch decides its statistics
    network(pictures, training=True)
    logits = np.log(np.maximum(network(pictures, training=False), 1e-30))
    last = [layer for layer in network.layers if layer.weights][-1]
    last.set_weights([weights * (SPREAD / logits.std(axis=0).mean()) for weights in last.get_weights()])
    network.save(path)
    size = "" if network.input_shape[1] else f"{side}x{side}"
    facts = {"network": name, "size": f"{side}x{side}", "preset": preset, "option": size}
    return facts | {"parameters": f"{network.count_params() / 1e6:.1f}"}


def export(row: dict[str, str], path: Path, output: Path) -> dict[str, str]:
    """Export the network at `path` in a process, and return its row with what that took."""
    labels = path.with_name("labels.json")
    labels.write_text(json.dumps([f"class {i}" for i in range(CLASSES)]))
    command = ["export", path, "--labels", labels, "--preprocessing", row["preset"], "--output", output]
    command += ["--size", row["option"]] if row["option"] else []
    start = time.perf_counter()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("eyespot"), *map(str, command)], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    taken = {"seconds": f"{time.perf_counter() - start:.0f}", "gigabytes": f"{usage.ru_maxrss / 1e6:.1f}"}
    if status != 0:
        return row | taken | {"megabytes": "-", "difference": "refused"}
    parity = read_spec(output).parity
    difference = f"{parity.largest_difference:.1e}" if parity else "-"
    return row | taken | {"megabytes": f"{output.stat().st_size / 1e6:.0f}", "difference": difference}


def main(table: Path, wanted: list[str]) -> None:
    import keras

    names = sorted(name for name in vars(keras.applications) if name[0].isupper())
    chosen = [name for name in names if not wanted or name.startswith(tuple(wanted))]
    lines = table.read_text().splitlines() if table.exists() else []
    rows = {match[1]: line for line in lines if (match := ROW.match(line)) and match[1] in names}
    versions = {"tf": "tensorflow", "keras": "keras", "tf2onnx": "tf2onnx", "ort": "onnxruntime"}
    installed = {key: version(name) for key, name in versions.items()}
    head = HEAD.format(python=platform.python_version(), **installed)
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.keras")
            made = [sys.executable, "-m", "tests.benchmarks.applications", "--make", name, str(path)]
            facts = json.loads(subprocess.run(made, stdout=subprocess.PIPE, text=True, check=True).stdout)
            row = export(facts, path, Path(folder, "made.onnx"))
        rows[name] = f"| {' | '.join(row[key] for key in COLUMNS)} |"
        print(rows[name], flush=True)
        table.write_text(head + "\n".join(rows[name] for name in sorted(rows)) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        print(json.dumps(make(sys.argv[2], Path(sys.argv[3]))))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
