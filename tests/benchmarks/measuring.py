"""What all benchmarks share: turns, processes that are measured, and a figure beside its goal."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
# Where `python -m tests.benchmarks.all` collects the verdicts of the benchmarks that it runs.
COLLECTION = "BENCHMARK_VERDICTS"
AT_REST_S = 0.05  # threads of the process before spin for a while
# A process begins with the memory of the one that started it, so a small one starts what is measured.
LEAN = """
import json, os, subprocess, sys, time
command, quiet = json.loads(sys.argv[1]), subprocess.DEVNULL
started = time.perf_counter()
process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
sys.exit(os.waitstatus_to_exitcode(status))
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Usage:
    """Wall-clock and processor seconds of a process from its start to its end, and its peak memory in MB."""

    seconds: float
    processor_s: float
    peak_mb: float


def measure(command: Sequence[str], folder: str | Path, **environment: str) -> Usage:
    """Run a command in `folder`, with more variables of the environment, and return what it took."""
    words = [sys.executable, "-S", "-c", LEAN, json.dumps(list(command))]
    done = subprocess.run(words, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]} ended with status {done.returncode}")
    return Usage(*map(float, done.stdout.split()))


def in_turns(calls: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return what each call gave in each round, after one round that warms up.

    Every round begins with another one: what comes after hard work on a warm machine is never always the same.
    """
    found: dict[str, list[T]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(AT_REST_S)
            result = calls[name]()
            if turn:
                found[name].append(result)
    return found


def at_most(what: str, found: float | Sequence[float], goal: float | None, unit: str = "") -> None:
    """Say the median of `found`, its quartiles where there are several, and whether it is no more than `goal`."""
    _judge(what, found, "at most", goal, unit)


def at_least(what: str, found: float | Sequence[float], goal: float | None, unit: str = "") -> None:
    """Say the median of `found`, its quartiles where there are several, and whether it is no less than `goal`."""
    _judge(what, found, "at least", goal, unit)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours / theirs, turn by turn: what disturbs a machine for a while disturbs both of a turn."""
    return [own / other for own, other in zip(ours, theirs, strict=True)]


def _judge(what: str, found: float | Sequence[float], bound: str, goal: float | None, unit: str) -> None:
    values = [float(value) for value in found] if isinstance(found, Sequence) else [float(found)]
    figure = statistics.median(values)
    low, _, high = statistics.quantiles(values) if len(values) > 1 else (figure, figure, figure)
    reached = goal is None or (figure <= goal if bound == "at most" else figure >= goal)
    verdict = "" if goal is None else "reached" if reached else "MISSED"
    row = {"what": what, "figure": figure, "low": low, "high": high, "turns": len(values), "unit": unit}
    row |= {"goal": "" if goal is None else f"{bound} {goal:g}", "verdict": verdict}
    spread = f" ({low:.3g} to {high:.3g})" if len(values) > 1 else ""
    print(f"{what:<52} {figure:8.3f} {unit}{spread}  {row['goal']}{': ' if goal else ''}{verdict}", flush=True)
    if COLLECTION in os.environ:
        with Path(os.environ[COLLECTION]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
