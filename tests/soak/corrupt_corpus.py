"""Corrupt files of every format: one row each from batch, and the same answer from the service.

The good files that they were made of are among them, unchanged: each must be classified.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from serving.errors import IMAGE_STATUS
from tests.benchmarks.minivgg import make_artifact
from tests.serving.conftest import serve
from tests.soak.commands import Ended, eyespot
from tests.soak.mutation import UNCHANGED, Mutant, mutants
from tests.soak.outcome import Effort, Outcome

MAX_PIXELS = 4_000_000
SOME_FAILED = 1
LIMIT_A_FILE_S = 5.0
# Two threads with the largest picture of 16 bits in four channels, its copies among it, beside what a model needs.
PEAK_MB = 200 + 2 * 3 * MAX_PIXELS * 8 / 1e6
TOLERANCE = 1e-5

BATCH = ("batch", "model.onnx", "list.txt", "--output", "rows.jsonl", "--max-pixels", str(MAX_PIXELS), "--threads", "2")
BATCH += ("--top-k", "99", "--quiet")

Rows = list[dict[str, Any]]


def run(effort: Effort) -> Outcome:
    corpus = list(mutants(effort.mutants, effort.chance("corrupt")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, mutant in enumerate(corpus):
            (folder / f"{i:05}").write_bytes(mutant.content)
        (folder / "list.txt").write_text("\n".join(f"{i:05}" for i in range(len(corpus))))
        (folder / "model.onnx").write_bytes(make_artifact())
        ended = eyespot(*BATCH, cwd=folder)
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
        failures = judge_batch(ended, rows, corpus) + list(ask_service(folder, corpus, rows))
    print(f"{len(corpus):,} files; batch needed at most {ended.peak_mb:.0f} MB")
    print(f"batch: {dict(Counter(code_of(row) or 'classified' for row in rows).most_common())}")
    return Outcome(2 * len(corpus), failures)


def code_of(row: dict[str, Any]) -> str | None:
    return row["error"] and str(row["error"]["code"])


def judge_batch(ended: Ended, rows: Rows, corpus: list[Mutant]) -> list[str]:
    failures = [] if ended.status == SOME_FAILED else [f"batch ended with {ended.status}"]
    # A decoder's library may warn on its own; a traceback is ours.
    failures += [f"batch: {ended.errors[-300:]}"] if "Traceback" in ended.errors else []
    failures += [] if [row["path"] for row in rows] == [f"{i:05}" for i in range(len(corpus))] else ["not one row each"]
    failures += [f"{row['path']}: {row['error']}" for row in rows if code_of(row) == "failed"]
    failures += [
        f"{row['path']} ({mutant.name}): {row['error']}"
        for mutant, row in zip(corpus, rows, strict=False)
        if mutant.mutation == UNCHANGED and row["error"]
    ]
    failures += [f"batch needed {ended.peak_mb:.0f} MB of {PEAK_MB:.0f}"] if ended.peak_mb > PEAK_MB else []
    return failures


def ask_service(folder: Path, corpus: list[Mutant], rows: Rows) -> Iterator[str]:
    """Send each file; yield where the answer is not that of batch, or takes too long."""
    statuses, slowest = Counter[int](), 0.0
    options = ("--workers", "1", "--no-access-log", "--max-pixels", str(MAX_PIXELS))
    with serve(folder / "model.onnx", folder, folder / "log.txt", *options) as (url, _), httpx.Client() as client:
        for mutant, row in zip(corpus, rows, strict=False):
            begun = time.monotonic()
            answer = client.post(f"{url}/v1/classify?top_k=99", content=mutant.content, timeout=60)
            slowest = max(slowest, time.monotonic() - begun)
            statuses[answer.status_code] += 1
            if problem := differs(answer, row):
                yield f"{row['path']} ({mutant.name}): {problem}"
    print(f"service: {dict(sorted(statuses.items()))}, at most {slowest * 1e3:.0f} ms a file")
    if slowest > LIMIT_A_FILE_S:
        yield f"a file took the service {slowest:.1f} s"
    if "Traceback" in (folder / "log.txt").read_text():
        yield "a traceback in the service's log"


def differs(answer: httpx.Response, row: dict[str, Any]) -> str | None:
    """Return what is different between the service's answer and the row of batch."""
    code = code_of(row)
    due = IMAGE_STATUS[code] if code else 200
    if answer.status_code != due:
        return f"{answer.status_code} in place of {due}: {answer.text:.200}"
    if code:
        return None if answer.json()["error"] == row["error"] else f"{answer.text} in place of {row['error']}"
    due_ones = {p["label"]: p["probability"] for p in row["predictions"]}
    found = {p["label"]: p["probability"] for p in answer.json()["predictions"]}
    same = found.keys() == due_ones.keys() and all(abs(found[k] - due_ones[k]) <= TOLERANCE for k in found)
    return None if same else "another answer than batch's"
