"""Measure models on this device, and say which command line is the fastest here.

Each MODEL is measured with 1, 2, 4 ... threads up to all cores: the time from the pixels of one picture to its answer
(median and 95th percentile), and the most memory that the process held. Every measurement has a process of its own, and
they take turns, so that a busy or hot device is unfair to all alike. The accuracy is that of the model's certificate.

The fastest is named at the end; of those within 3 % the more accurate counts, then the one with fewer threads. A file
that lost more accuracy than its export allowed is never named. Exit status: 0 all measured; 1 some could not be, for
instance because they fail their own samples here; 2 none could.
"""

import argparse
import json
import re
import resource
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.arguments import positive
from edge.classifier import Classifier, require_self_test
from edge.cli import DONE, SOME_FAILED
from edge.errors import EyespotError, ImageError, ModelError, UsageError
from edge.image import read_image
from edge.model import read_spec
from edge.result import printable
from edge.runtime import read_cpu, usable_cores

# The frame of a small camera, and a part of it where the model classifies regions: [H, W].
FRAME_PX, REGION_PX = (480, 640), (120, 120)
WARM_UP_RUNS, LEAST_RUNS, TURN_S = 3, 5, 0.4
# A turn that takes longer is no candidate for anything.
TIMEOUT_S = 600.0
# Medians this close are equal on a machine that does other things as well.
AS_FAST = 1.03


@dataclass
class Measurement:
    """A file with a number of threads, and what was measured of it so far; `failure` says why nothing more is."""

    model: Path
    threads: int
    accuracy: float | None
    refusal: str | None
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    failure: str | None = None

    @property
    def median_s(self) -> float:
        """The median of all runs; infinite where there is none."""
        return statistics.median(self.seconds or [float("inf")])

    def as_fields(self) -> dict[str, object]:
        """Return what is known as the fields of a JSON object; times are in milliseconds, None where it failed."""
        median_ms, p95_ms = (np.percentile(self.seconds, (50, 95)) * 1e3).tolist() if self.seconds else (None, None)
        known = {name: value for name, value in asdict(self).items() if name != "seconds"}
        return known | {"model": str(self.model), "median_ms": median_ms, "p95_ms": p95_ms, "runs": len(self.seconds)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot benchmark` takes."""
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", type=Path, help="an .onnx file written by 'eyespot export'")
    add("--image", type=Path, metavar="FILE", help="measure on this picture (default: one of 640 x 480 made here)")
    add("--rounds", type=positive, default=5, metavar="N", help="turns of each (default 5)")
    add("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table and the command line that is the fastest, and return the exit status."""
    try:
        if arguments.image:
            read_image(arguments.image)
    except ImageError as error:
        raise UsageError(f"--image {arguments.image}: {error}") from None
    cores = usable_cores()
    threads = sorted({min(1 << doubled, cores) for doubled in range(cores.bit_length() + 1)})
    measurements = [row for model in dict.fromkeys(arguments.models) for row in _rows(model, threads)]
    turns = [row for number in range(arguments.rounds) for row in measurements[:: -1 if number % 2 else 1]]
    for row in tqdm(turns, "measuring", unit="turn", leave=False, disable=None):
        if row.failure is None:
            _take_turn(row, arguments.image)
    best = _best(measurements)
    command = best and f"eyespot classify {shlex.quote(str(best.model))} --threads {best.threads} IMAGE"
    if arguments.json:
        rows = [row.as_fields() for row in measurements]
        print(json.dumps({"processor": read_cpu()[0], "cores": cores, "measurements": rows, "command": command}))
    else:
        _print_table(measurements, f"fastest here ({read_cpu()[0]}, {cores} cores): {command}" if best else None)
    if not any(row.seconds for row in measurements):
        raise ModelError(f"nothing could be measured ({measurements[0].failure})")
    return SOME_FAILED if any(row.failure for row in measurements) else DONE


def _rows(model: Path, threads: list[int]) -> list[Measurement]:
    spec = read_spec(model)
    accuracy = spec.training.accuracy if spec.training else None
    refusal = None
    if variant := spec.variant:
        accuracy = variant.accuracy
        if variant.drop_points > variant.max_drop_points:
            refusal = f"lost {variant.drop_points:.2f} points, limit {variant.max_drop_points:g}"
    return [Measurement(model, count, accuracy, refusal) for count in threads]


def _take_turn(row: Measurement, image: Path | None) -> None:
    """Let a process of its own measure for a while, and add what it found."""
    # -P: a file numpy.py in the user's folder is not ours.
    command = [sys.executable, "-P", "-m", __name__, str(row.model), str(row.threads), *([str(image)] if image else [])]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 # this module
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        row.failure = f"took longer than {TIMEOUT_S:g} seconds"
    except ValueError:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        row.failure = f"its process ended with status {done.returncode} ({reason})"
    else:
        row.failure = found.get("error")
        row.seconds += found.get("seconds", [])
        row.peak_bytes = max(row.peak_bytes, found.get("peak_bytes", 0))


def _best(measurements: list[Measurement]) -> Measurement | None:
    """Return the fastest that may be named; see the module. None where there is none."""
    named = [row for row in measurements if row.seconds and not row.failure and not row.refusal]
    fast = [row for row in named if row.median_s <= AS_FAST * min(other.median_s for other in named)]
    return min(fast, key=lambda row: (-(row.accuracy or 0.0), row.threads, row.median_s), default=None)


def _print_table(measurements: list[Measurement], conclusion: str | None) -> None:
    rows = [("model", "threads", "median ms", "p95 ms", "memory MB", "accuracy", "")]
    for row in sorted(measurements, key=lambda row: row.median_s):
        if row.seconds and not row.failure:
            p95_ms = np.percentile(row.seconds, 95) * 1e3
            accuracy = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
            figures = (f"{row.median_s * 1e3:.2f}", f"{p95_ms:.2f}", f"{row.peak_bytes / 1e6:.0f}", accuracy)
            rows.append((printable(str(row.model)), str(row.threads), *figures, row.refusal or ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for model, *cells in rows:
        aligned = [model.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        print("   ".join(aligned).rstrip())
    for path, failure in dict.fromkeys((row.model, row.failure) for row in measurements if row.failure):
        print(f"eyespot: {printable(str(path))}: not measured: {failure}", file=sys.stderr)
    if conclusion:
        print(conclusion)


def measure(model: str, threads: int, image: str | None) -> dict[str, object]:
    """Return the `seconds` of each run of one picture after the warm-up, and the `peak_bytes` of this process.

    Raises EyespotError for files that cannot be used, and for a model that fails its own samples here.
    """
    classifier = Classifier.load(model, threads, regions="none")
    if classifier.spec.self_test:
        require_self_test(classifier.spec, classifier.probabilities, model)
    height, width = REGION_PX if classifier.spec.regions else FRAME_PX
    made = np.resize(np.arange(251, dtype=np.uint8), (height, width, 3))  # neighbours differ
    pixels = read_image(image).pixels if image else made
    seconds: list[float] = []
    end_s = 0.0
    while len(seconds) < WARM_UP_RUNS + LEAST_RUNS or time.perf_counter() < end_s:
        begin_s = time.perf_counter()
        classifier.classify(pixels, 1)
        seconds.append(time.perf_counter() - begin_s)
        if len(seconds) == WARM_UP_RUNS:
            end_s = time.perf_counter() + TURN_S
    return {"seconds": seconds[WARM_UP_RUNS:], "peak_bytes": _peak_bytes()}


def _peak_bytes() -> int:
    """Return the most memory that this process ever held; getrusage would begin with what its parent had."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    return int(found[1]) << 10 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == "__main__":
    try:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), next(iter(sys.argv[3:]), None))))
    except EyespotError as error:
        print(json.dumps({"error": str(error)}))
