"""What an interrupted run left, damaged: --resume goes on or says in one line why not, by Hypothesis.

It also reads lines alone, which is quick: each is a row or a ValueError.
"""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis.strategies as st

from edge.batch.rows import Row, decode_row, encode_row
from edge.batch.statistics import RunStatistics
from eyespot.cli import main
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
        rows, config, whole = arrange()
        lines = rows.splitlines(keepends=True)
        one = st.sampled_from(lines).flatmap(damaged_line)
        alone, seen = fuzz(effort, one, read_line, "a row", LIMIT_MS, share=4.0)
        print(f"lines: {dict(seen.most_common())}")
        other_config = st.builds(edited, st.just(config), st.lists(EDIT, max_size=4))
        left = st.tuples(damaged_rows(lines), st.just(config)) | st.tuples(cut_off(rows), other_config)
        resumed, ends = fuzz(
            effort, left, lambda files: resume(files, whole), "went on", 10 * LIMIT_MS, share=RESUMED_SHARE
        )
        print(f"resumed: {dict(ends.most_common())}")
    return Outcome(alone.cases + resumed.cases, alone.failures + resumed.failures)


def arrange() -> tuple[bytes, bytes, bytes]:
    """Return the rows of the first pictures of a run, its config, and the whole output."""
    Path("model.onnx").write_bytes(make_artifact())
    names = [kind for kind in whole_files() if "16" not in kind][:8]
    for kind in names:
        Path(kind).write_bytes(whole_files()[kind])
    Path("list.txt").write_text("\n".join([*names, "gone"]))
    if batch("whole.jsonl")[0] != SOME_FAILED:
        raise RuntimeError("the uninterrupted run did not end well")
    with mock.patch("edge.batch.journal.Journal.write_output", side_effect=SystemExit), contextlib.suppress(SystemExit):
        batch("r.jsonl")  # dies when all rows are there
    whole = Path("whole.jsonl").read_bytes()
    return b"".join(whole.splitlines(keepends=True)[:6]), Path("r.jsonl.run").read_bytes(), whole


def batch(output: str, *options: str) -> tuple[int, str]:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        status = main(["batch", "model.onnx", "list.txt", "--output", output, "--quiet", "--threads", "1", *options])
    return status, errors.getvalue()


def damaged_rows(lines: list[bytes]) -> st.SearchStrategy[bytes]:
    """Rows as a kill or a power failure leaves them, rows with other bytes in them, and more that are no rows."""
    rows = b"".join(lines)
    more = st.lists(st.sampled_from(lines).flatmap(damaged_line), max_size=3).map(b"".join)
    changed = st.builds(edited, st.just(rows), st.lists(EDIT, max_size=4))
    return cut_off(rows) | changed | more.map(rows.__add__)


def cut_off(rows: bytes) -> st.SearchStrategy[bytes]:
    """Any number of bytes of the rows, and zeros where a power failure left none of a later part."""
    return st.builds(lambda size, zeros: rows[:size] + bytes(zeros), st.integers(0, len(rows)), st.integers(0, 99))


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
        row = decode_row(line)
    except ValueError:
        return "refused"
    RunStatistics().add(row)
    if fields(row) != fields(decode_row(encode_row(row))):
        raise AssertionError("what was read is not what is written")
    return "a row"


def fields(row: Row) -> tuple[Any, ...]:
    return row.path, row.classification, row.error and (row.error.code, str(row.error)), row.sha256, row.size_bytes


def resume(files: Left, whole: bytes) -> str:
    partial, config = Path("r.jsonl.partial"), Path("r.jsonl.run")
    partial.write_bytes(files[0])
    config.write_bytes(files[1])
    Path("r.jsonl").unlink(missing_ok=True)
    status, errors = batch("r.jsonl", "--resume")
    if status == NOTHING_DONE:
        if not errors.startswith("eyespot: ") or errors.count("\n") != 1:
            raise AssertionError(f"not one line: {errors!r}")
        return "refused"
    if status not in (DONE, SOME_FAILED) or errors:
        raise AssertionError(f"status {status}: {errors}")
    output = Path("r.jsonl").read_bytes()
    if not output.startswith(kept(files[0])):
        raise AssertionError("rows that were there were computed again")
    paths = [json.loads(line)["path"] for line in output.splitlines()]
    if paths != [json.loads(line)["path"] for line in whole.splitlines()]:
        raise AssertionError(f"rows of other inputs: {paths}")
    return "went on"


def kept(partial: bytes) -> bytes:
    """Return the rows at the beginning of what was left: also where they say what this model does not, they stay."""
    found = b""
    for line in io.BytesIO(partial):
        try:
            decode_row(line)
        except ValueError:
            break
        found += line
    return found
