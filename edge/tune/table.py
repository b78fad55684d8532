"""What was measured, for a person and for a program."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from edge.answer import printable
from edge.spec import ModelSpec
from edge.strict_json import encode
from edge.tune.choose import reason
from edge.tune.contest import Contender
from edge.tune.network import accuracy, precision
from edge.tune.record import Record, Setting

HEADER = ("model", "numbers", "images", "threads", "spinning", "median", "p95", "memory", "accuracy", "")


def as_table(contenders: Sequence[Contender], specs: Mapping[Path, ModelSpec], record: Record) -> str:
    """Return a line for each configuration, the fastest first, and what is best."""
    ran = sorted((c for c in contenders if not c.failure), key=lambda contender: contender.median_s)
    rows = [HEADER, *(_cells(contender, specs, record) for contender in ran)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    failures = dict.fromkeys((c.configuration.path, c.failure) for c in contenders if c.failure)
    lines += [f"{printable(str(path))}: not measured: {failure}" for path, failure in failures]
    return "\n".join([*lines, *_conclusion(record)])


def _cells(contender: Contender, specs: Mapping[Path, ModelSpec], record: Record) -> tuple[str, ...]:
    told = contender.configuration
    spec = specs[told.path]
    share = accuracy(spec)
    return (
        printable(str(told.path)),
        precision(spec),
        "many" if told.many else "one",
        str(told.threads),
        "-" if told.threads == 1 else "yes" if told.spinning else "no",
        f"{contender.median_s * 1e3:.3f} ms",
        f"{contender.p95_s * 1e3:.3f} ms",
        f"{contender.peak_bytes / 1e6:.0f} MB",
        "-" if share is None else f"{share:.2%}",
        reason(specs, told.path) or _place(contender, spec, record),
    )


def _place(contender: Contender, spec: ModelSpec, record: Record) -> str:
    name, best = ("best for batch", record.many) if contender.configuration.many else ("best", record.one)
    return name if _is(contender, spec, best) else ""


def _is(contender: Contender, spec: ModelSpec, best: Setting) -> bool:
    told = contender.configuration
    return (spec.version, told.threads, told.spinning) == (best.version, best.threads, best.spinning)


def _conclusion(record: Record) -> Iterator[str]:
    yield f"on {record.processor}, {record.cores} cores:"
    for commands, best in (("classify, watch", record.one), ("batch", record.many)):
        spinning = "" if best.threads == 1 else ", spinning" if best.spinning else ", not spinning"
        threads = f"{best.threads} thread{'s'[: best.threads != 1]}"
        yield f"  {commands:<15}   {printable(best.path)}, {threads}{spinning}"


def as_json(contenders: Sequence[Contender], specs: Mapping[Path, ModelSpec], record: Record) -> str:
    """Return the same as one JSON object; the record is as it is remembered."""
    entries = [_entry(contender, specs) for contender in contenders]
    return json.dumps({"configurations": entries, "remembered": encode(record)})


def _entry(contender: Contender, specs: Mapping[Path, ModelSpec]) -> dict[str, object]:
    told = contender.configuration
    spec = specs[told.path]
    ran = not contender.failure
    return {
        **asdict(told),
        "path": str(told.path),
        "version": spec.version,
        "numbers": precision(spec),
        "median_ms": contender.median_s * 1e3 if ran else None,
        "p95_ms": contender.p95_s * 1e3 if ran else None,
        "peak_bytes": contender.peak_bytes if ran else None,
        "turn_medians_ms": [statistics.median(turn.seconds) * 1e3 for turn in contender.turns],
        "accuracy": accuracy(spec),
        "refused": reason(specs, told.path),
        "failure": contender.failure,
    }
