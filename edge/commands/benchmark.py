"""Measure models on this device, and print the command line that is the fastest here.

Each MODEL is measured with 1, 2, 4 ... threads up to all cores: the time from the pixels of one picture to its answer
(median and 95th percentile), and the peak memory, in processes that take turns, so that a busy or hot device affects
all alike. The accuracy is that of the model's certificate.

Of medians within 3 % of the fastest, the more accurate file is recommended, then the one with fewer threads; never one
that lost more accuracy than its export allowed. Exit status: 0 all measured; 1 some could not be, for instance because
they fail their own samples here; 2 none could.
"""

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.arguments import DONE, SOME_FAILED
from edge.classifier import Classifier, require_self_test
from edge.errors import EyespotError, ModelError
from edge.model import read_spec
from edge.result import printable
from edge.runtime import read_cpu, usable_cores

# The frame of a small camera, and a crop of it where the model classifies regions: [H, W].
FRAME_PX, REGION_PX = (480, 640), (120, 120)
TURNS, WARM_UP_RUNS, LEAST_RUNS, TURN_S = 3, 3, 5, 0.4
AS_FAST = 1.03


@dataclass
class Measurement:
    """A file with a number of threads; `failure` is why it is not measured, `refusal` why it is not recommended."""

    model: str
    threads: int
    accuracy: float | None  # a share, 0 to 1
    refusal: str | None
    failure: str | None = None
    peak_bytes: int = 0
    seconds: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the times in milliseconds; infinite where none was measured."""
        return float(np.percentile(self.seconds, percent)) * 1e3 if self.seconds and not self.failure else math.inf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot benchmark` takes."""
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", type=Path, help="an .onnx file written by 'eyespot export'")
    add("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and the recommended command line, and return the exit status."""
    cores, processor = usable_cores(), read_cpu()[0]
    rows = []
    for model in dict.fromkeys(arguments.models):
        spec, refusal = read_spec(model), None
        accuracy = spec.training.accuracy if spec.training else None
        if variant := spec.variant:
            accuracy = variant.accuracy
            if variant.drop_points > variant.max_drop_points:
                refusal = f"lost {variant.drop_points:.2f} points, limit {variant.max_drop_points:g}"
        counts = sorted({min(1 << doubled, cores) for doubled in range(cores.bit_length() + 1)})
        rows += [Measurement(str(model), threads, accuracy, refusal) for threads in counts]
    for row in tqdm(rows * TURNS, "measuring", unit="turn", leave=False, disable=None):
        if row.failure is None:
            _take_turn(row)
    measured = [row for row in rows if not row.failure]
    usable = [row for row in measured if not row.refusal]
    fastest = min((row.percentile_ms(50) for row in usable), default=math.inf)
    fast = [row for row in usable if row.percentile_ms(50) <= AS_FAST * fastest]
    best = min(fast, key=lambda r: (-(r.accuracy or 0.0), r.threads, r.percentile_ms(50)), default=None)
    command = best and f"eyespot classify {shlex.quote(best.model)} --threads {best.threads} IMAGE"
    if arguments.json:
        listed = [
            asdict(row)
            | {name: None if row.failure else row.percentile_ms(p) for name, p in (("median_ms", 50), ("p95_ms", 95))}
            for row in rows
        ]
        print(json.dumps({"processor": processor, "cores": cores, "measurements": listed, "command": command}))
    else:
        _print_table(rows)
        print(f"fastest here ({processor}, {cores} cores): {command}" if best else "none of these can be recommended")
    if not measured:
        raise ModelError(f"nothing could be measured ({rows[0].failure})")
    return SOME_FAILED if len(measured) < len(rows) else DONE


def _take_turn(row: Measurement) -> None:
    """Add what another process measures in `TURN_S`."""
    # -P: a file numpy.py in the user's folder is not imported.
    command = [sys.executable, "-P", "-m", __name__, row.model, str(row.threads)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 # this module
        found = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        row.failure = f"its process ended with status {done.returncode} ({reason})"
    else:
        row.failure = found.get("error")
        row.seconds += found.get("seconds", [])
        row.peak_bytes = max(row.peak_bytes, found.get("peak_bytes", 0))


def _print_table(rows: list[Measurement]) -> None:
    width = max(len(printable(row.model)) for row in rows)
    print(f"{'model':<{width}}   threads   median ms      p95 ms   memory MB   accuracy")
    for row in sorted(rows, key=lambda row: row.percentile_ms(50)):
        figures = (row.percentile_ms(50), row.percentile_ms(95), row.peak_bytes / 1e6)
        times = "   ".join(f"{figure:>9.2f}" if math.isfinite(figure) else f"{'-':>9}" for figure in figures)
        accuracy = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
        note = printable(row.failure or row.refusal or "")
        print(f"{printable(row.model):<{width}}   {row.threads:>7}   {times}   {accuracy:>8}   {note}".rstrip())


def measure(model: str, threads: int) -> dict[str, object]:
    """Return the `seconds` of each run and the `peak_bytes`. Raises EyespotError, also for samples that fail here."""
    classifier = Classifier.load(model, threads, regions="none")
    if classifier.spec.self_test:
        require_self_test(classifier.spec, classifier.probabilities, model)
    height, width = REGION_PX if classifier.spec.regions else FRAME_PX
    pixels = np.resize(np.arange(251, dtype=np.uint8), (height, width, 3))  # neighbours differ
    seconds: list[float] = []
    end_s = math.inf
    while len(seconds) < WARM_UP_RUNS + LEAST_RUNS or time.perf_counter() < end_s:
        begin_s = time.perf_counter()
        classifier.classify(pixels, 1)
        seconds.append(time.perf_counter() - begin_s)
        if len(seconds) == WARM_UP_RUNS:
            end_s = time.perf_counter() + TURN_S
    # getrusage would begin with the memory of the parent.
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return {"seconds": seconds[WARM_UP_RUNS:], "peak_bytes": int(peak[1]) << 10 if peak else 0}


if __name__ == "__main__":
    try:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    except EyespotError as error:
        print(json.dumps({"error": str(error)}))
