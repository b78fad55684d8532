"""A figure beside its goal, said in one line and, when all benchmarks run together, kept for the table of results."""

import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

# Where `python tests/benchmarks/all.py` collects the verdicts of the benchmarks that it runs.
COLLECTION = "BENCHMARK_VERDICTS"


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
