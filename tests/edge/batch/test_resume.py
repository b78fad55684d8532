"""Runs that are cut off in every way end with the very file that an uninterrupted run gives."""

import json
import os
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from edge.arguments import INTERRUPTED, NOTHING_DONE, SOME_FAILED
from edge.batch.inputs import Input
from edge.batch.rows import Row, compute_row
from tests.edge.artifacts import restamped, written
from tests.edge.batch.conftest import codes_of, lines_in, rows_of
from tests.edge.pictures import grey
from tests.full_disk import full
from tests.waiting import until

Batch = Callable[..., int]
EYESPOT = str(Path(sys.executable).with_name("eyespot"))
SOURCES = ("images", "a.zip")


@pytest.fixture
def whole(batch: Batch) -> bytes:
    """What an uninterrupted run over images/ and an archive writes."""
    with zipfile.ZipFile("a.zip", "w") as archive:
        for level in (10, 128, 250):
            archive.writestr(f"{level}.png", grey(level))
    assert batch(*SOURCES, "--output", "whole.jsonl", "--quiet") == SOME_FAILED
    return Path("whole.jsonl").read_bytes()


@pytest.fixture
def cut_off(batch: Batch, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make what a run leaves that died when its journal had so many bytes."""

    def leave(size: int, output: str = "r.jsonl") -> None:
        with monkeypatch.context() as patched:
            patched.setattr("edge.batch.journal.Journal.write_output", lambda _: sys.exit())
            with pytest.raises(SystemExit):
                batch(*SOURCES, "--output", output, "--quiet", "--overwrite")
        os.truncate(f"{output}.partial", size)

    return leave


@pytest.fixture
def computed(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the inputs that were worked on; a test clears them where it begins to look."""
    paths: list[str] = []

    def note_and_compute(item: Input, **options: Any) -> Row:
        paths.append(item.path)
        return compute_row(item, **options)

    monkeypatch.setattr("edge.commands.batch.compute_row", note_and_compute)
    return paths


def paths_before_and_behind(whole: bytes, size: int) -> tuple[list[str], list[str]]:
    """The inputs that have a whole row in the first `size` bytes of an output, and, sorted, those that have none."""
    paths, rows = [json.loads(line)["path"] for line in whole.splitlines()], whole[:size].count(b"\n")
    return paths[:rows], sorted(paths[rows:])


def test_cut_at_any_byte_it_ends_the_same_and_computes_the_rest_only(
    batch: Batch, whole: bytes, cut_off: Callable[..., None], computed: list[str]
) -> None:
    for size in [*range(0, len(whole), 311), len(whole) - 1, len(whole)]:
        cut_off(size)
        computed.clear()
        assert batch(*SOURCES, "--output", "r.jsonl", "--resume", "--quiet") == SOME_FAILED
        assert Path("r.jsonl").read_bytes() == whole
        assert sorted(computed) == paths_before_and_behind(whole, size)[1]
    assert sorted(os.listdir()) == ["a.zip", "images", "r.jsonl", "tiny.onnx", "whole.jsonl"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("has_all", [False, True])
def test_every_format_is_completed(
    batch: Batch, whole: bytes, cut_off: Callable[..., None], computed: list[str], ending: str, has_all: bool
) -> None:
    output = f"r.{ending}"
    assert batch(*SOURCES, "--output", f"other.{ending}", "--quiet") == SOME_FAILED
    size = len(whole) if has_all else len(whole) // 2
    cut_off(size, output)
    if has_all:
        Path(f"{output}.run").unlink()  # all rows are there, and only the output is missing
    computed.clear()
    assert batch(*SOURCES, "--output", output, "--resume", "--quiet") == SOME_FAILED
    assert sorted(computed) == paths_before_and_behind(whole, size)[1]
    if ending == "parquet":
        assert pq.read_table(output).equals(pq.read_table("other.parquet"))
    else:
        assert Path(output).read_bytes() == Path(f"other.{ending}").read_bytes()
    assert not Path(f"{output}.partial").exists()


def changes() -> Iterator[tuple[str, Callable[[], object], list[str], str]]:
    resumed = [*SOURCES, "--resume"]
    yield "unasked", lambda: None, list(SOURCES), "--resume"
    yield "content", lambda: written(Path("images/1.png"), grey(21)), resumed, "'images/1.png'"
    yield "size", lambda: written(Path("images/1.png"), b"longer" * 99), resumed, "'images/1.png'"
    yield "gone", lambda: os.unlink("images/1.png"), resumed, "'images/2.png'"
    yield "new", lambda: written(Path("images/00.png"), grey(1)), resumed, "'images/1.png'"
    yield "fewer", lambda: None, ["images/0.png", "--resume"], "sources"
    yield "top", lambda: None, [*resumed, "--top-k", "1"], "top_k 3, not 1"
    yield "threshold", lambda: None, [*resumed, "--min-probability", "0.5"], "min_probability 0.0, not 0.5"
    yield "regions", lambda: None, [*resumed, "--regions", "glyphs:3"], "regions None"
    yield "fast", lambda: None, [*resumed, "--fast-decode"], "fast_decode False, not True"
    other = Path("tiny.onnx")
    model = lambda: written(other, restamped(other.read_bytes(), name="other"))  # noqa: E731
    yield "model", model, resumed, "model 'tiny', not 'other'"
    older = lambda: written(Path("r.jsonl.run"), b'{"model": "tiny", "version": "v", "begun_s": 1.0}')  # noqa: E731
    yield "older version", older, resumed, "r.jsonl.run"
    damage = lambda: written(Path("r.jsonl.partial"), b"no row\n{}\n")  # noqa: E731
    yield "damage", damage, resumed, "r.jsonl.partial: line 1"


@pytest.mark.parametrize(("change", "arguments", "message"), [c[1:] for c in changes()], ids=[c[0] for c in changes()])
def test_what_has_changed_since_is_one_line_and_nothing_is_lost(
    batch: Batch,
    whole: bytes,
    cut_off: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    change: Callable[[], object],
    arguments: list[str],
    message: str,
) -> None:
    cut_off(len(whole) * 3 // 4)
    change()
    before = Path("r.jsonl.partial").read_bytes()
    assert batch(*arguments, "--output", "r.jsonl") == NOTHING_DONE
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err
    assert Path("r.jsonl.partial").read_bytes() == before


def start(*arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    command = [EYESPOT, "batch", "tiny.onnx", *arguments, "--threads", "2", "--quiet"]
    return subprocess.Popen(command, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(batch: Batch, folder: Path, computed: list[str]) -> None:
    names = [f"images/{i % 8}.png" for i in range(3_000)]
    Path("list.txt").write_text("\n".join(names))
    assert batch("list.txt", "--output", "whole.jsonl", "--quiet") == SOME_FAILED
    for rows in (1, 700, 1_900):
        with start("list.txt", "--output", "r.jsonl", "--resume") as process:
            until(lambda rows=rows: lines_in("r.jsonl.partial") >= rows)  # type: ignore[misc]
            process.kill()
        assert process.returncode == -signal.SIGKILL
    rows = lines_in("r.jsonl.partial")
    assert rows >= 1_900
    computed.clear()
    assert batch("list.txt", "--output", "r.jsonl", "--resume", "--quiet") == SOME_FAILED
    assert Path("r.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    assert sorted(computed) == sorted(names[rows:])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_finishes_what_is_in_hand_and_can_go_on(folder: Path, number: int) -> None:
    names = b"images/0.png\nimages/4.png\nimages/6.png\n"
    with start("-", "--output", "r.jsonl", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(names)
        process.stdin.flush()
        until(lambda: lines_in("r.jsonl.partial") == 3)  # it waits for more names now
        process.send_signal(number)
        assert process.wait(60) == INTERRUPTED
    assert [code for _, code in codes_of(Path("r.jsonl.partial"))] == [None, None, "empty"]
    with start("-", "--output", "r.jsonl", "--resume", stdin=subprocess.PIPE) as process:
        process.communicate(names + b"images/1.png\n")
    assert process.returncode == SOME_FAILED
    assert [row["path"] for row in rows_of(Path("r.jsonl"))] == [*names.decode().split(), "images/1.png"]


def test_two_interrupts_end_it_at_once(folder: Path) -> None:
    Path("list.txt").write_text("images/0.png\n")
    with start("list.txt", "-", "--output", "r.jsonl", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: lines_in("r.jsonl.partial") == 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"again" in process.stderr.readline() + process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == INTERRUPTED
    assert lines_in("r.jsonl.partial") == 1


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    batch: Batch, whole: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = len(whole) * 2 // 3

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    with start(*SOURCES, "--output", "r.jsonl", stderr=subprocess.PIPE, preexec_fn=small_disk) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count(b"\n")) == (NOTHING_DONE, 1)
    kept = whole.splitlines(keepends=True)[: whole[:room].count(b"\n")]
    assert Path("r.jsonl.partial").read_bytes() == b"".join(kept)
    with monkeypatch.context() as patched:
        patched.setattr("edge.batch.journal.cells_of", full)
        assert batch(*SOURCES, "--output", "r.csv", "--quiet") == NOTHING_DONE
    assert capsys.readouterr().err.startswith("eyespot: r.csv: ")
    assert Path("r.csv.partial").read_bytes() == whole
    for output in ("r.jsonl", "r.csv"):
        assert batch(*SOURCES, "--output", output, "--resume", "--quiet") == SOME_FAILED
    assert Path("r.jsonl").read_bytes() == whole
    assert Path("r.csv").read_bytes().count(b"\r\n") == 1 + whole.count(b"\n")
