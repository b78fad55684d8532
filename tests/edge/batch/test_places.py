"""What a run refuses to write to, before it begins; what stands there is as it was."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import NOTHING_DONE, SOME_FAILED

Batch = Callable[..., int]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("r.jsonl", "--report must end in .html. Received: r.jsonl"),
        ("images/0.png", "--report must end in .html. Received: images/0.png"),
        ("link.html", "--report link.html: the run writes its rows there (r.jsonl); name another file"),
        ("rows.html", "--report rows.html: the run writes its rows there (r.jsonl.partial); name another file"),
        ("folder.html", "--report folder.html: this is a folder; name a file in it"),
        ("/proc/self/r.html", "--report /proc/self/r.html: no page can be written there ("),
        ("tiny.onnx/r.html", "--report tiny.onnx/r.html: no page can be written there ("),
        ("page.html", "page.html: this is one of the sources (images/../page.html); write to another file"),
    ],
)
def test_a_report_that_cannot_be_is_one_line(
    batch: Batch, report: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkdir("folder.html")
    os.symlink("r.jsonl", "link.html")
    os.symlink("r.jsonl.partial", "rows.html")
    Path("page.html").write_text("a list")
    before = Path("images/0.png").read_bytes()
    assert batch("images", "images/../page.html", "--output", "r.jsonl", "--report", report) == NOTHING_DONE
    err = capsys.readouterr().err
    assert err.startswith(f"eyespot: {message}")
    assert err.count("\n") == 1
    assert (Path("images/0.png").read_bytes(), Path("page.html").read_text()) == (before, "a list")
    assert not Path("r.jsonl").exists()


def test_folders_of_output_and_report_are_made(batch: Batch) -> None:
    assert batch("images", "--output", "out/r.jsonl", "--report", "out/page/r.html", "--quiet") == SOME_FAILED
    assert Path("out/page/r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_output_that_is_a_source_is_refused(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("l.csv").write_text("path\nimages/0.png\n")
    os.symlink("l.csv", "link.csv")
    for source in ("l.csv", "./l.csv", "link.csv"):
        for more in ([], ["--overwrite"], ["--resume"]):
            assert batch("images", source, "--output", "l.csv", *more) == NOTHING_DONE
            expected = f"eyespot: l.csv: this is one of the sources ({source}); write to another file\n"
            assert capsys.readouterr().err == expected
    assert Path("l.csv").read_text() == "path\nimages/0.png\n"


def test_an_output_that_is_a_folder_is_refused(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir("r.jsonl")
    assert batch("images", "--output", "r.jsonl", "--overwrite") == NOTHING_DONE
    assert capsys.readouterr().err == "eyespot: r.jsonl: this is a folder; name a file in it\n"
    assert sorted(os.listdir()) == ["images", "r.jsonl", "tiny.onnx"]
