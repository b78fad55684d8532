"""How long one picture takes, from pixels to probabilities, in the artifact and in other runtimes.

Usage: python -m tests.benchmarks.latency [--peers PYTHON] [--networks NAME...] [--rounds N]
Goals: int8 faster than every other runtime, in float32 and in its own int8 (ratio under 1.0): of photographs, that is
       `--networks efficientnet-lite0` against LiteRT int8 and the best float32 peer; and the float32 artifact
       at most 1.05 times what tf2onnx writes, run by onnxruntime behind a preprocessing by OpenCV.

Batch 1, a picture of 320 x 240, the better of one and two threads for each. Every runtime has a process of its
own; they run one at a time, in turns, and the medians of the turns are compared turn by turn. PYTHON belongs to
an environment with the runtimes of requirements.txt; what it lacks is said and counts as not measured.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import AT_REST_S, at_most, ratios

HERE = Path(__file__).parent
# Side and channels of the network, and how many runs make a turn.
NETWORKS = {
    "lenet": (28, 1, 200),
    "minivggnet": (32, 3, 100),
    "mobilenetv2": (224, 3, 20),
    "efficientnet-lite0": (224, 3, 20),  # that of photographs, with its weights of ImageNet
    "resnet50": (224, 3, 5),
}
RUNTIMES = {
    "float32": ("onnx-whole", "float32.onnx"),
    "int8": ("onnx-whole", "int8.onnx"),
    "tf2onnx + cv2": ("onnx-network", "plain.onnx"),
    "LiteRT": ("litert", "model.tflite"),
    "OpenVINO": ("openvino", "plain.onnx"),
    "cv2.dnn": ("opencv", "one.onnx"),
    "Keras": ("keras", "model.keras"),
    "onnxruntime int8": ("onnx-network", "onnxruntime-int8.onnx"),
    "LiteRT int8": ("litert", "model-int8.tflite"),
    "OpenVINO int8": ("openvino-int8", "plain.onnx"),
}
OURS = ("float32", "int8")
# Those that run in the environment of eyespot, where TensorFlow is.
AT_HOME = (*OURS, "Keras")
THREADS = (1, 2)
FLOAT32_GOAL, INT8_GOAL = 1.05, 1.0
SAME_ANSWER = 1e-3  # runtimes that share a network must agree


@dataclass
class Contender:
    """A runtime with a number of threads, waiting in its process, and the medians of its turns in seconds."""

    name: str
    threads: int
    process: "subprocess.Popen[str]"
    answer: "np.ndarray"
    turns: list[float]

    def take_turn(self, runs: int) -> None:
        self.turns.append(statistics.median(json.loads(ask(self.process, str(runs)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="the python of the other runtimes")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for network in arguments.networks:
            folder = Path(temporary, network)
            command = [sys.executable, "-m", "tests.benchmarks.latency_models", network, str(folder)]
            subprocess.run(command, cwd=HERE.parent.parent, check=True, stderr=subprocess.DEVNULL)
            measure(network, folder, arguments)


def measure(network: str, folder: Path, arguments: argparse.Namespace) -> None:
    side, channels, runs = NETWORKS[network]
    print(f"\n{network}")
    contenders = []
    for name, (runtime, file) in RUNTIMES.items():
        for threads in THREADS:
            python = sys.executable if name in AT_HOME else arguments.peers
            command = [python, str(HERE / "latency_worker.py"), runtime, str(folder / file)]
            contender = start(name, threads, [*command, str(threads), str(side), str(channels)])
            contenders += [contender] if contender else []
    try:
        for _ in range(arguments.rounds):
            for contender in contenders:
                time.sleep(AT_REST_S)
                contender.take_turn(runs)
    finally:
        for contender in contenders:
            contender.process.kill()
            contender.process.wait()
    report(network, contenders)


def start(name: str, threads: int, command: list[str]) -> Contender | None:
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    line = process.stdout.readline() if process.stdout else ""
    if line:
        return Contender(name, threads, process, np.array(json.loads(line)), [])
    reason = (process.stderr.read() if process.stderr else "").strip().splitlines() or ["no reason given"]
    process.wait()
    print(f"  {name:<18} {threads} threads: NOT MEASURED ({reason[-1]})")
    return None


def ask(process: "subprocess.Popen[str]", line: str) -> str:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker has no pipes")
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def report(network: str, contenders: list[Contender]) -> None:
    best: dict[str, Contender] = {}
    for contender in sorted(contenders, key=lambda c: statistics.median(c.turns)):
        best.setdefault(contender.name, contender)
    for name, contender in best.items():
        low, middle, high = (1e3 * value for value in statistics.quantiles(contender.turns))
        difference = np.abs(contender.answer - best["tf2onnx + cv2"].answer).max() if "tf2onnx + cv2" in best else 0
        note = "" if difference < SAME_ANSWER or "int8" in name else f"  ANSWERS DIFFER by {difference:.1e}"
        print(f"  {name:<18} {middle:8.3f} ms  quartiles {low:.3f} to {high:.3f}  {contender.threads} threads{note}")
    if "tf2onnx + cv2" in best:
        compare(network, "float32", "tf2onnx + cv2", best, FLOAT32_GOAL)
    others = [name for name in best if name not in OURS]
    if fastest := next((name for name in others if "int8" not in name), None):
        print(f"  the best peer in float32 is {fastest}")
    for name in others:
        # The answers of int8, from random weights, say nothing of its accuracy.
        compare(network, "int8", name, best, INT8_GOAL)


def compare(network: str, ours: str, theirs: str, best: dict[str, Contender], goal: float) -> None:
    at_most(f"{network}, {ours} / {theirs}", ratios(best[ours].turns, best[theirs].turns), goal)


if __name__ == "__main__":
    main()
