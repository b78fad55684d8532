"""`eyespot batch` as a user meets it: every kind of source, every format, and what it answers to a wrong call."""

import csv
import hashlib
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from edge.batch import rows
from edge.batch.inputs import Input
from tests.conftest import TINY_LABELS, tiny_probabilities
from tests.edge.artifacts import written
from tests.edge.batch.conftest import LEVELS, batch, best, codes_of, folder, rows_of
from tests.edge.pictures import grey

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


def test_a_file_for_which_memory_runs_out_is_one_row(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    read_file = rows.read_file

    def read_or_fail(path: str, max_pixels: int) -> Input:
        if path == "images/1.png":
            raise MemoryError
        return read_file(path, max_pixels)

    monkeypatch.setattr(rows, "read_file", read_or_fail)
    assert batch("images", "--output", "r.jsonl", "--quiet") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == [FOLDER[0], ("images/1.png", "failed"), *FOLDER[2:]]


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


def test_a_glob_is_the_same_quoted_and_unquoted(batch: Batch) -> None:
    os.mkdir("z")
    for name, members in (("b", "01"), ("a", "2")):
        with zipfile.ZipFile(f"z/{name}.zip", "w") as archive:
            for member in members:
                archive.write(f"images/{member}.png", f"{member}.png")
    Path("z/list.txt").write_text("images/3.png\n")
    for pattern, names in (("z/*.zip", ["z/a.zip", "z/b.zip"]), ("z/*", ["z/a.zip", "z/b.zip", "z/list.txt"])):
        assert batch(pattern, "--output", "quoted.jsonl", "--quiet", "--overwrite") == DONE
        assert batch(*names, "--output", "unquoted.jsonl", "--quiet", "--overwrite") == DONE
        assert Path("quoted.jsonl").read_bytes() == Path("unquoted.jsonl").read_bytes()
    assert codes_of(Path("quoted.jsonl"))[0] == ("z/a.zip!/2.png", None)


def test_csv_and_parquet_hold_the_same_rows_in_the_same_columns(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.batch.journal.GROUP_ROWS", 4)
    odd = os.fsdecode(b'images/gr\xfcn, "5\n".png')
    written(Path(odd), grey(10))
    for ending in ("csv", "jsonl", "parquet"):
        assert batch("images", "--output", f"r.{ending}", "--top-k", "2") == SOME_FAILED
    with open("r.csv", encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    table = pq.read_table("r.parquet").to_pylist()
    assert pq.ParquetFile("r.parquet").num_row_groups == 3
    assert list(cells[0]) == list(table[0])
    assert list(cells[0]) == [
        *("path", "path_bytes", "sha256", "size_bytes", "label_1", "probability_1", "label_2", "probability_2"),
        *("unsure", "note", "error_code", "error_message"),
    ]
    for row, cell, expected in zip(table, cells, rows_of(Path("r.jsonl")), strict=True):
        assert os.fsdecode(row["path_bytes"] or row["path"]) == expected["path"]
        assert (row["sha256"], row["size_bytes"]) == (expected["sha256"], expected["size_bytes"])
        pairs = [(row[f"label_{i}"], row[f"probability_{i}"]) for i in (1, 2) if row[f"label_{i}"]]
        assert pairs == [(p["label"], p["probability"]) for p in expected["predictions"]]
        assert row["error_code"] == (expected["error"] and expected["error"]["code"])
        assert row["unsure"] == (None if expected["error"] else False)
        row |= {"unsure": "" if expected["error"] else "false", "path_bytes": (row["path_bytes"] or b"").hex()}
        assert cell == {name: "" if value is None else str(value) for name, value in row.items()}


def test_labels_from_folders_add_accuracy_and_the_confusion_matrix(
    batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkdir("true")
    for label, level in (("dark", 10), ("dark", 250), ("bright", 240)):
        os.makedirs(f"true/{label}", exist_ok=True)
        written(Path(f"true/{label}/{level}.png"), grey(level))
    assert batch("true", "images", "--output", "r.jsonl", "--labels-from-folders", "--summary") == SOME_FAILED
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "accuracy 66.67% of 3 labelled images" in err
    start = lines.index("confusion matrix:")
    assert lines[start + 1 : start + 4] == ["true \\ predicted dark bright", "dark 1 1", "bright 0 1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["images", "--output", "r.json"],
        ["images", "--output", "r.jsonl", "--ray-address", "here"],
        ["list.csv", "--output", "r.jsonl"],
        ["images", "list.csv", "--output", "list.csv", "--overwrite"],
        ["images", "./list.csv", "--output", "link.csv", "--resume"],
        ["images", "--output", "folder.csv", "--overwrite"],
        ["images", "--output", "/proc/self/r.jsonl"],
        ["images", "--output", "list.csv/r.jsonl"],
        ["images", "--output", "r.jsonl", "--report", "images/0.png"],
        ["images", "--output", "r.jsonl", "--report", "folder.html"],
        ["images", "--output", "r.jsonl", "--report", "/proc/self/r.html"],
        ["images", "page.html", "--output", "r.jsonl", "--report", "page.html"],
        ["images", "--output", "r.jsonl", "--regions", "glyphs:3", "--labels-from-folders"],
    ],
    ids=lambda arguments: " ".join(arguments[1:]),
)
def test_a_wrong_call_is_one_line_and_changes_nothing(
    batch: Batch, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.csv").write_text("file\nimages/0.png\n")
    Path("page.html").write_text("a list")
    os.symlink("list.csv", "link.csv")
    os.mkdir("folder.csv")
    os.mkdir("folder.html")
    before = {name: os.path.isfile(name) and Path(name).read_bytes() for name in os.listdir()}
    assert batch(*arguments) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith("eyespot: ")
    assert {name: os.path.isfile(name) and Path(name).read_bytes() for name in os.listdir()} == before


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
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "edge.batch.ray_engine", raising=False)
    assert batch("images", *arguments) == NOTHING_DONE
    err = capsys.readouterr().err
    assert f"eyespot[{extra}]" in err
    assert package in err
    assert sorted(os.listdir()) == ["images", "tiny.onnx"]


def test_what_is_there_is_not_overwritten_unasked(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.jsonl").write_text("mine")
    for more in ([], ["--resume"]):
        assert batch("images", "--output", "r.jsonl", *more) == NOTHING_DONE
        assert "--overwrite" in capsys.readouterr().err
    assert Path("r.jsonl").read_text() == "mine"
    assert not Path("r.jsonl.partial").exists()
    assert batch("images", "--output", "r.jsonl", "--overwrite", "--quiet") == SOME_FAILED
    assert codes_of(Path("r.jsonl")) == FOLDER


def test_too_many_failures_end_the_run_and_resume_goes_on(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["images/6.png", "images/0.png", "images/7.png", "images/1.png", "--output", "r.jsonl"]
    assert batch(*names, "--max-failures", "1", "--threads", "1") == NOTHING_DONE
    assert "3 inputs: 1 classified, 2 failed" in capsys.readouterr().err
    assert codes_of(Path("r.jsonl.partial")) == [
        ("images/6.png", "empty"),
        ("images/0.png", None),
        ("images/7.png", "not_an_image"),
    ]
    assert batch(*names, "--max-failures", "50%", "--resume") == SOME_FAILED
    assert [path for path, _ in codes_of(Path("r.jsonl"))] == names[:4]
    assert batch(*names, "--max-failures", "49%", "--overwrite") == NOTHING_DONE
    assert len(rows_of(Path("r.jsonl"))) == 4
