"""`eyespot batch` as a user meets it: every kind of source, every format, and what it answers to a wrong call."""

import csv
import hashlib
import io
import os
import pty
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.batch import work
from edge.batch.content import Content
from edge.cli import DONE, NOTHING_DONE, SOME_FAILED
from tests.conftest import TINY_LABELS, Run, tiny_probabilities
from tests.edge.artifacts import written
from tests.edge.batch.conftest import LEVELS, batch, best, codes_of, folder, lines_in, rows_of
from tests.edge.pictures import grey
from tests.waiting import until

__all__ = ["batch", "folder"]

Batch = Callable[..., int]
FOLDER = [*((f"images/{i}.png", None) for i in range(6)), ("images/6.png", "empty"), ("images/7.png", "not_an_image")]


def test_one_row_for_each_input_in_order_with_what_numpy_and_hashlib_say(
    batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch("images", "none.png", "images/0.png", "--output", "r.jsonl") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == [*FOLDER, ("none.png", "not_found"), ("images/0.png", None)]
    for row, level in zip(rows_of(Path("r.jsonl")), LEVELS, strict=False):
        content = Path(row["path"]).read_bytes()
        assert (row["sha256"], row["size_bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        found = {p["label"]: p["probability"] for p in row["predictions"]}
        assert found == pytest.approx(dict(zip(TINY_LABELS, tiny_probabilities(level), strict=True)), abs=1e-6)
        assert row["predictions"][0]["label"] == best(level)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "eyespot: r.jsonl: 10 inputs: 7 classified, 3 failed\n")
    assert sorted(os.listdir()) == ["images", "r.jsonl", "tiny.onnx"]


def test_the_status_says_how_it_went(batch: Batch) -> None:
    assert batch("images/[0-5].png", "--output", "r.jsonl", "--quiet") == DONE
    assert batch("images", "--output", "r.jsonl", "--quiet", "--overwrite") == SOME_FAILED
    assert batch("none.png", "*.gif", "--output", "r.jsonl", "--quiet", "--overwrite") == NOTHING_DONE
    assert codes_of(Path("r.jsonl")) == [("none.png", "not_found"), ("*.gif", "not_found")]


def test_a_file_for_which_memory_runs_out_is_one_row(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    read_file = work.read_file

    def read_or_fail(path: str, max_pixels: int) -> Content:
        if path == "images/1.png":
            raise MemoryError
        return read_file(path, max_pixels)

    monkeypatch.setattr(work, "read_file", read_or_fail)
    assert batch("images", "--output", "r.jsonl", "--quiet") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == [FOLDER[0], ("images/1.png", "failed"), *FOLDER[2:]]
    assert rows_of(Path("r.jsonl"))[1]["error"]["message"] == "MemoryError: MemoryError"


def test_lists_and_archives_are_sources(batch: Batch, folder: Path) -> None:
    Path("list.txt").write_text("images/4.png\nnone.png\nimages\n\nimages/0.png")
    Path("list.csv").write_text("file,label\nimages/1.png,dark\n")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("images/2.png", "x/2.png")
        archive.writestr("b.zip", b"inner")
    with tarfile.open("a.tar.gz", "w:gz") as tar:
        tar.add("images/3.png")
    assert batch("list.txt", "list.csv", "a.zip", "a.tar.gz", "--column", "file", "--output", "r.jsonl") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == [
        *(("images/4.png", None), ("none.png", "not_found"), ("images", "unreadable"), ("images/0.png", None)),
        *(("images/1.png", None), ("a.zip!/x/2.png", None), ("a.zip!/b.zip", "unsupported_format")),
        ("a.tar.gz!/images/3.png", None),
    ]
    found = [row["predictions"] and row["predictions"][0]["label"] for row in rows_of(Path("r.jsonl"))]
    assert [label for label in found if label] == [best(LEVELS[i]) for i in (4, 0, 1, 2, 3)]


def test_standard_input_is_a_list(eyespot: Run, folder: Path) -> None:
    odd = os.fsdecode(b"images/gr\xfc\nn.png")
    written(Path(odd), grey(10))
    names = b"images/0.png\0" + os.fsencode(odd) + b"\0"
    done = eyespot("batch", "tiny.onnx", "-", "--null", "--output", "r.jsonl", text=False, input=names)
    assert (done.returncode, done.stderr) == (DONE, b"eyespot: r.jsonl: 2 inputs: 2 classified, 0 failed\n")
    assert [os.fsencode(row["path"]) for row in rows_of(Path("r.jsonl"))] == [b"images/0.png", os.fsencode(odd)]


def test_csv_holds_the_same_rows(batch: Batch) -> None:
    written(Path(os.fsdecode(b'images/gr\xfcn, "5\n".png')), grey(10))
    assert batch("images", "--output", "r.csv", "--top", "2") == SOME_FAILED
    assert batch("images", "--output", "r.jsonl", "--top", "2") == SOME_FAILED
    with open("r.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        *("path", "sha256", "size_bytes", "label_1", "probability_1", "label_2", "probability_2"),
        *("unsure", "note", "error_code", "error_message"),
    ]
    for row, expected in zip(found, rows_of(Path("r.jsonl")), strict=True):
        assert (row["path"], row["sha256"]) == (expected["path"], expected["sha256"])
        assert int(row["size_bytes"]) == expected["size_bytes"]
        for place, prediction in enumerate(expected["predictions"], 1):
            assert row[f"label_{place}"] == prediction["label"]
            assert float(row[f"probability_{place}"]) == prediction["probability"]
        assert (row["error_code"] or None) == (expected["error"] and expected["error"]["code"])
        assert row["unsure"] == ("" if expected["error"] else "false")


def test_a_csv_output_is_a_csv_list(batch: Batch) -> None:
    assert batch("images", "--output", "r.csv") == SOME_FAILED
    assert batch("r.csv", "--output", "again.csv") == SOME_FAILED
    assert Path("again.csv").read_bytes() == Path("r.csv").read_bytes()


def test_parquet_holds_the_same_rows(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.batch.parquet.GROUP_ROWS", 4)
    odd = os.fsdecode(b"images/gr\xfcn.png")
    written(Path(odd), grey(10))
    assert batch("images", "--output", "r.parquet") == SOME_FAILED
    assert batch("images", "--output", "r.jsonl") == SOME_FAILED
    assert pq.ParquetFile("r.parquet").num_row_groups == 3
    for row, expected in zip(pq.read_table("r.parquet").to_pylist(), rows_of(Path("r.jsonl")), strict=True):
        assert os.fsdecode(row["path_bytes"] or row["path"]) == expected["path"]
        assert (row["sha256"], row["size_bytes"]) == (expected["sha256"], expected["size_bytes"])
        assert row["error_code"] == (expected["error"] and expected["error"]["code"])
        pairs = zip(row["labels"] or [], row["probabilities"] or [], strict=True)
        assert [(label, pytest.approx(p, rel=1e-7)) for label, p in pairs] == [
            (p["label"], p["probability"]) for p in expected["predictions"]
        ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["images", "--output", "r.json"], "--output must end in .jsonl, .csv or .parquet"),
        (["images", "--output", "r.jsonl", "--ray-address", "here"], "--ray-address is for --engine ray"),
        (["list.csv", "--output", "r.jsonl"], "list.csv: it has no column 'path'"),
    ],
)
def test_a_wrong_call_is_one_line(
    batch: Batch, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.csv").write_text("file\nimages/0.png\n")
    assert batch(*arguments) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith(f"eyespot: {message}")
    assert sorted(os.listdir()) == ["images", "list.csv", "tiny.onnx"]


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [("pyarrow", ["--output", "r.parquet"], "batch"), ("ray", ["--output", "r.jsonl", "--engine", "ray"], "ray")],
)
def test_a_missing_package_is_named_before_anything_is_done(
    batch: Batch,
    package: str,
    arguments: list[str],
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for module in ("edge.batch.parquet", "edge.batch.ray_engine"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert batch("images", *arguments) == NOTHING_DONE
    err = capsys.readouterr().err
    assert f"needs the package {package}; install it with: pip install 'eyespot[{extra}]'" in err
    assert sorted(os.listdir()) == ["images", "tiny.onnx"]


def test_what_is_there_is_not_overwritten_unasked(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.jsonl").write_text("mine")
    for more in ([], ["--resume"]):
        assert batch("images", "--output", "r.jsonl", *more) == NOTHING_DONE
        assert "r.jsonl: it is there already; --overwrite replaces it" in capsys.readouterr().err
    assert Path("r.jsonl").read_text() == "mine"
    assert not Path("r.jsonl.partial").exists()
    assert batch("images", "--output", "r.jsonl", "--overwrite", "--quiet") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == FOLDER


def test_too_many_failures_end_the_run_and_resume_goes_on(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["images/6.png", "images/0.png", "images/7.png", "images/1.png", "--output", "r.jsonl"]
    assert batch(*names, "--max-failures", "1", "--threads", "1") == NOTHING_DONE
    err = capsys.readouterr().err
    assert "more than --max-failures have failed (3 inputs: 1 classified, 2 failed)" in err
    assert codes_of(Path("r.jsonl.partial")) == [
        ("images/6.png", "empty"),
        ("images/0.png", None),
        ("images/7.png", "not_an_image"),
    ]
    assert batch(*names, "--max-failures", "50%", "--resume") == SOME_FAILED
    assert [path for path, _ in codes_of(Path("r.jsonl"))] == names[:4]
    assert batch(*names, "--max-failures", "49%", "--overwrite") == NOTHING_DONE
    assert len(rows_of(Path("r.jsonl"))) == 4


def test_the_summary_and_the_quiet(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("images", "--output", "r.jsonl", "--quiet", "--summary") == SOME_FAILED
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert err == ""
    assert lines[0] == "8 inputs: 6 classified, 2 failed"
    assert {"dark 2 33.3%", "middle 2 33.3%", "bright 2 33.3%", "empty 1", "not_an_image 1"} <= set(lines)
    assert [line.split()[:2] for line in lines if line.startswith("latency")] == [
        ["latency", p] for p in ("p50", "p95", "p99")
    ]


def test_a_terminal_shows_a_bar(folder: Path) -> None:
    Path("list.txt").write_text("images/0.png\n" * 400)
    master, terminal = pty.openpty()
    command = [Path(sys.executable).with_name("eyespot"), "batch", "tiny.onnx", "list.txt", "--output", "r.jsonl"]
    with subprocess.Popen(command, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
    os.close(master)
    assert process.returncode == DONE
    assert shown.endswith(b"\r\x1b[Keyespot: r.jsonl: 400 inputs: 400 classified, 0 failed\r\n")


def test_an_output_in_a_folder_that_may_not_be_written_is_one_line(
    batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch("images", "--output", "/proc/self/r.jsonl") == NOTHING_DONE
    assert capsys.readouterr().err.startswith("eyespot: /proc/self/r.jsonl")
    Path("file").touch()
    assert batch("images", "--output", "file/r.jsonl") == NOTHING_DONE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_model_that_is_replaced_during_the_run_changes_nothing(folder: Path) -> None:
    command = [Path(sys.executable).with_name("eyespot"), "batch", "tiny.onnx", "-", "--output", "r.jsonl", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert isinstance(process.stdin, io.BufferedIOBase)
        process.stdin.write(b"images/0.png\n")
        process.stdin.flush()
        until(lambda: lines_in("r.jsonl.partial") >= 1)
        written(Path("tiny.onnx"), b"no model any more")
        process.stdin.write(b"images/4.png\n")
        process.stdin.close()
        assert process.wait(60) == DONE
    assert [row["predictions"][0]["label"] for row in rows_of(Path("r.jsonl"))] == ["dark", "bright"]
