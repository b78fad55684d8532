"""What an interrupted run left, damaged: --resume goes on or says in one line why not, by Hypothesis.

It also reads lines alone, which is quick: each is a row or a ValueError.
"""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st

from edge.batch.row import Row, from_line, to_line
from edge.batch.tally import Tally
from edge.cli import main
from tests.benchmarks.minivgg import make_artifact
from tests.edge.pictures import whole_files
from tests.soak.fuzz_decoder import EDIT, edited
from tests.soak.fuzz_spec import DAMAGE, damage
from tests.soak.fuzzing import fuzz
from tests.soak.outcome import Effort, Outcome

LIMIT_MS = 2_000
DONE, SOME_FAILED, NOTHING_DONE = 0, 1, 2
# A whole --resume takes long: a model is loaded.
RESUMED_SHARE = 0.2

Left = tuple[bytes, bytes]


def run(effort: Effort) -> Outcome:
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        rows, order, whole = arrange()
        lines = [line + b"\n" for line in rows.splitlines()]
        one = st.sampled_from(lines).flatmap(damaged_line)
        alone, seen = fuzz(effort, one, read_line, LIMIT_MS, share=4.0)
        print(f"lines: {dict(seen.most_common())}")
        edits = st.lists(EDIT, max_size=4)
        damaged = st.lists(st.sampled_from(lines).flatmap(damaged_line), max_size=3).map(
            lambda new: rows + b"".join(new)
        )
        left = st.tuples(
            st.builds(edited, st.sampled_from([rows, b"".join(lines[:3])]), edits) | damaged,
            st.builds(edited, st.just(order), edits) | st.just(order),
        )
        resumed, ends = fuzz(effort, left, lambda files: resume(files, whole), 10 * LIMIT_MS, share=RESUMED_SHARE)
        print(f"resumed: {dict(ends.most_common())}")
    return Outcome(alone.cases + resumed.cases, alone.failures + resumed.failures)


def arrange() -> tuple[bytes, bytes, bytes]:
    """Return the rows of the first pictures of a run, its order, and the whole output."""
    Path("model.onnx").write_bytes(make_artifact())
    names = [kind for kind in whole_files() if "16" not in kind][:8]
    for kind in names:
        Path(kind).write_bytes(whole_files()[kind])
    Path("list.txt").write_text("\n".join([*names, "gone"]))
    if batch("whole.jsonl")[0] != SOME_FAILED:
        raise RuntimeError("the uninterrupted run did not end well")
    whole = Path("whole.jsonl").read_bytes()
    order = json.dumps(
        {
            "model": "minivgg",
            "version": version(),
            "sources": ["list.txt"],
            "column": "path",
            "null": False,
            "top": 3,
            "max_pixels": 50_000_000,
            "fast_decode": False,
            "min_probability": 0.0,
            "regions": None,
            "face_model": None,
            "begun_s": 1.0,
        }
    ).encode()
    return b"".join(line + b"\n" for line in whole.splitlines()[:6]), order, whole


def version() -> str:
    from edge.artifact import read_spec

    return read_spec(Path("model.onnx")).version or ""


def batch(output: str, *options: str) -> tuple[int, str]:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        status = main(["batch", "model.onnx", "list.txt", "--output", output, "--quiet", "--threads", "1", *options])
    return status, errors.getvalue()


def damaged_line(line: bytes) -> st.SearchStrategy[bytes]:
    """Lines with other bytes in them, and lines with other values in them."""
    other = st.lists(DAMAGE, min_size=1, max_size=2).map(
        lambda damages: json.dumps(damage(json.loads(line), damages)).encode() + b"\n"
    )
    deep = st.integers(1, 100_000).map(lambda depth: b"[" * depth + b"\n")
    return other | st.builds(edited, st.just(line), st.lists(EDIT, min_size=1, max_size=3)) | deep


def read_line(line: bytes) -> str:
    """Read a line; a row that was read can be counted, and is written as it was read."""
    try:
        row = from_line(line)
    except ValueError:
        return "refused"
    Tally().keep(row)
    if again(row) != again(from_line(to_line(row))):
        raise AssertionError("what was read is not what is written")
    return "a row"


def again(row: Row) -> tuple[Any, ...]:
    answer = row.answer
    return answer.path, answer.classification, row.code, str(answer.error), row.sha256, row.size_bytes


def resume(files: Left, whole: bytes) -> str:
    partial, order = Path("r.jsonl.partial"), Path("r.jsonl.run")
    partial.write_bytes(files[0])
    order.write_bytes(files[1])
    Path("r.jsonl").unlink(missing_ok=True)
    status, errors = batch("r.jsonl", "--resume")
    if status == NOTHING_DONE:
        if not errors.startswith("eyespot: ") or errors.count("\n") != 1:
            raise AssertionError(f"not one line: {errors!r}")
        return "refused"
    if status not in (DONE, SOME_FAILED) or errors:
        raise AssertionError(f"status {status}: {errors}")
    paths = [json.loads(line)["path"] for line in Path("r.jsonl").read_bytes().splitlines()]
    if paths != [json.loads(line)["path"] for line in whole.splitlines()]:
        raise AssertionError(f"rows of other inputs: {paths}")
    return "went on"
