"""Export the image classifiers of keras.applications, each at its own size with its own preset, and write a table.

    python tests/benchmarks/applications.py docs/applications.md                all of them
    python tests/benchmarks/applications.py docs/applications.md MobileNet VGG  those whose names begin so

Weights are random, because nothing is downloaded; time, memory and differences depend on the graph. The batch
normalisations get random statistics, so that answers depend on the picture. Networks that are in the table already and
are not asked for keep their rows.
"""

import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

CLASSES = 1000
# The preset that a network was trained with, by the beginning of its name; the longest that fits holds.
PRESETS = {
    **dict.fromkeys(("VGG", "ResNet50", "ResNet101", "ResNet152"), "caffe"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2", "Inception", "MobileNet", "NASNet", "Xception"), "tf"),
    **dict.fromkeys(("EfficientNet", "MobileNetV3", "ConvNeXt"), "raw"),
    "DenseNet": "torch",
}
ROW = re.compile(r"\| (\w+) \|")
HEAD = """# Classifiers of keras.applications

Each was built with random weights at its own size, exported with the preset that it was trained with, and compared
with Keras on 24 pictures. Time is that of the whole command (reading, conversion, comparison) on two cores, shared with
other work; memory is the most that the process held; differences are of probabilities. Python {python}, TensorFlow
{tf}, Keras {keras}, tf2onnx {tf2onnx}, onnxruntime {ort}. Made by `tests/benchmarks/applications.py`.

| network | size | preset | parameters (million) | file (MB) | time (s) | memory (GB) | largest difference |
|---|---|---|---|---|---|---|---|
"""


def export(name: str) -> dict[str, object]:
    """Export one network in this process, and return its row."""
    from export.quiet_tensorflow import start_tensorflow

    start_tensorflow()
    import keras
    import numpy as np

    from edge.cli import main as eyespot
    from edge.model import read_spec

    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(weights=None)
    generator = np.random.default_rng(0)
    for weight in network.weights:
        if weight.path.endswith("moving_mean"):
            weight.assign(generator.normal(0, 0.1, weight.shape))
        elif weight.path.endswith("moving_variance"):
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    side, preset = network.input_shape[1] or 224, PRESETS[max((k for k in PRESETS if name.startswith(k)), key=len)]
    row: dict[str, object] = {"network": name, "size": f"{side}x{side}", "preset": preset}
    row["parameters"] = f"{network.count_params() / 1e6:.1f}"
    size = [] if network.input_shape[1] else ["--size", f"{side}x{side}"]
    with tempfile.TemporaryDirectory() as folder:
        path, labels, output = Path(folder, f"{name}.keras"), Path(folder, "labels.json"), Path(folder, "made.onnx")
        network.save(path)
        del network
        labels.write_text(json.dumps([f"class {i}" for i in range(CLASSES)]))
        start = time.perf_counter()
        status = eyespot(
            ["export", str(path), "--labels", str(labels), "--preprocessing", preset, "--output", str(output), *size]
        )
        row["seconds"] = f"{time.perf_counter() - start:.0f}"
        row["gigabytes"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f}"
        parity = read_spec(output).parity if status == 0 else None
        row["megabytes"] = f"{output.stat().st_size / 1e6:.0f}" if parity else "-"
        row["difference"] = f"{parity.largest_difference:.1e}" if parity else "refused"
    return row


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
        done = subprocess.run([sys.executable, __file__, "--one", name], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name}: ended with {done.returncode}", file=sys.stderr)
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        keys = ("network", "size", "preset", "parameters", "megabytes", "seconds", "gigabytes", "difference")
        rows[name] = f"| {' | '.join(str(row[key]) for key in keys)} |"
        print(rows[name], flush=True)
        table.write_text(head + "\n".join(rows[name] for name in sorted(rows)) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(export(sys.argv[2])))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
