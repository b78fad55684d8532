"""Corrupt files of every format: one row each from batch, the same answer from the service, and Pillow's opinion.

The good files that they were made of are among them, unchanged: each must be classified.

Pillow decodes for us, less strictly when it is asked directly: what the two disagree about is printed by format. It is
a failure where both open a file and see different pictures.
"""

import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from edge.errors import ImageError
from edge.image import decode_image
from serving.errors import IMAGE_STATUS
from tests.benchmarks.minivgg import make_artifact
from tests.edge.pictures import seen_by_pillow
from tests.serving.conftest import serve
from tests.soak.commands import Ended, eyespot
from tests.soak.mutation import UNCHANGED, Mutant, good_files, mutants, unchanged
from tests.soak.outcome import Effort, Outcome

MAX_PIXELS = 4_000_000
SOME_FAILED = 1
LIMIT_A_FILE_S = 5.0
# Two threads with the largest picture of 16 bits in four channels, its copies among it, beside what a model needs.
PEAK_MB = 200 + 2 * 3 * MAX_PIXELS * 8 / 1e6
TOLERANCE = 1e-5
# Two decoders of JPEG differ by a level or two, and in what they make of damage by more; another picture by a hundred.
FAR_LEVELS = 4
# The share of corrupt files that both open or both refuse: 95 % of what seeds 0 to 4 make.
AGREED_SHARE = 0.9

Rows = list[dict[str, Any]]


def run(effort: Effort) -> Outcome:
    corpus = [*mutants(effort.mutants, effort.chance("corrupt")), *unchanged()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, mutant in enumerate(corpus):
            (folder / f"{i:05}").write_bytes(mutant.content)
        (folder / "list.txt").write_text("\n".join(f"{i:05}" for i in range(len(corpus))))
        (folder / "model.onnx").write_bytes(make_artifact())
        ended = eyespot(*arguments(), cwd=folder)
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
        failures = judge_batch(ended, rows, corpus) + list(ask_service(folder, corpus, rows))
    print(f"{len(corpus):,} files, {len(good_files())} of them good; batch needed at most {ended.peak_mb:.0f} MB")
    print(f"batch: {dict(Counter(code_of(row) or 'classified' for row in rows).most_common())}")
    return Outcome(2 * len(corpus), failures + compare(corpus))


def arguments() -> list[str]:
    options = ["--max-pixels", str(MAX_PIXELS), "--threads", "2", "--top", "99", "--quiet"]
    return ["batch", "model.onnx", "list.txt", "--output", "rows.jsonl", *options]


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


def compare(corpus: list[Mutant]) -> list[str]:
    """Print where Pillow and we disagree; return files of which both see different pixels, and too many of those."""
    ours, pillows, failures = Counter[str](), Counter[str](), []
    agreed = 0
    for i, mutant in enumerate(corpus):
        mine, its = decoded(mutant.content), by_pillow(mutant.content)
        if isinstance(mine, str) == isinstance(its, str):
            agreed += 1
            if not isinstance(mine, str) and not isinstance(its, str) and (problem := unlike(mutant, mine, its)):
                failures.append(f"{i:05} ({mutant.name}): {problem}")
        elif isinstance(mine, str):
            pillows[f"{mutant.kind}, {mutant.mutation}: {mine}"] += 1
        else:
            ours[f"{mutant.kind}, {mutant.mutation}: {its}"] += 1
    print(f"Pillow and we agree on {agreed:,} of {len(corpus):,}")
    for title, found in (("only Pillow opens", pillows), ("only we open", ours)):
        print(f"{title} {sum(found.values()):,}:")
        for text, count in found.most_common():
            print(f"  {count:3} {text}")
    too_few = [f"Pillow and we agree on {agreed:,} of {len(corpus):,}"] if agreed < AGREED_SHARE * len(corpus) else []
    return failures + too_few


def decoded(content: bytes) -> "np.ndarray[Any, Any] | str":
    try:
        return decode_image(content, MAX_PIXELS).pixels
    except ImageError as error:
        return str(error)


def by_pillow(content: bytes) -> "np.ndarray[Any, Any] | str":
    """Return all pixels that Pillow has of the first picture, or what it says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(BytesIO(content)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return "too many pixels"
            return seen_by_pillow(content)
        except Exception as error:  # noqa: BLE001 # a corrupt file makes Pillow raise anything
            return f"{type(error).__name__} {error}"[:70]


def unlike(mutant: Mutant, mine: "np.ndarray[Any, Any]", its: "np.ndarray[Any, Any]") -> str | None:
    if mine.shape != its.shape:
        return f"we see {mine.shape}, Pillow {its.shape}"
    if mutant.kind == "gif-animated":
        # What its first picture does not cover is white, as in a browser; Pillow takes the background's colour.
        height, width = decode_image(good_files()[mutant.kind]).pixels.shape[:2]
        mine, its = mine[:height, :width], its[:height, :width]
    far = float(np.abs(mine.astype(int) - its).mean())
    return f"pixels differ by {far:.1f} levels on average" if far > FAR_LEVELS else None
