"""`eyespot annotate` as a user meets it: what it says, how it ends, and what it refuses."""

import http.client
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from edge.cli import DONE, NOTHING_DONE, SOME_FAILED, main
from edge.spec import Faces
from tests.conftest import Run
from tests.edge.artifacts import restamped, written
from tests.training.annotate.conftest import TEXTS
from tests.training.annotate.sittings import EYESPOT, WITHIN_S, ended, labelled, sitting, truth
from training.annotate.journal import NAME
from training.datasets.folder import load_folder

GLYPHS = ("--regions", "glyphs:4", "--output")


def ask(address: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    place = urlsplit(address).netloc
    headers = {"Origin": f"http://{place}", "Content-Type": "application/json"} if body else {}
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        return answer.status, found
    finally:
        connection.close()


def label(address: str, found: dict[str, Any], text: str) -> tuple[int, dict[str, Any]]:
    aim = {"item": found["index"], "key": found["key"], "seen": found["number"]}
    return ask(address, "/answer", {"aim": aim, "state": "labelled", "label": text, "whole_picture": False})


def test_from_nothing_to_a_folder_that_training_reads(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        found = ask(address, "/screen")[1]
        for text in "".join(TEXTS):
            _, found = label(address, found, text)
        counts = ", ".join(f"{c}: 1" for c in "12346789")
        assert found["progress"]["left"] == 0
        assert ended(process) == (DONE, f"{output}: 8 labels ({counts}), 0 ignored, 0 left\n")
    assert labelled(output) == truth(codes, *TEXTS)
    dataset = load_folder(output)
    assert dataset.labels == tuple("12346789")
    assert dataset.names == tuple(f"{c}/000001.png" for c in "12346789")


def test_what_cannot_be_read_is_told_skipped_and_the_status(codes: Path, output: Path) -> None:
    (codes / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with sitting(codes, *GLYPHS, output) as (_, process):
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert (process.returncode, out) == (SOME_FAILED, f"{output}: 0 labels, 0 ignored, 8 left\n")
    assert not output.exists()  # nothing was said


def test_a_second_process_is_refused(codes: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sitting(codes, *GLYPHS, output) as (address, _):
        label(address, ask(address, "/screen")[1], "7")
        assert main(["annotate", str(codes), *GLYPHS, str(output)]) == NOTHING_DONE
    assert capsys.readouterr().err == (
        f"eyespot: {output}: another 'eyespot annotate' is writing it; end that, or choose another --output\n"
    )


def test_labels_by_which_glyphs_would_be_cut_elsewhere_are_refused(codes: Path, output: Path, eyespot: Run) -> None:
    with sitting(codes, *GLYPHS, output, "--labels", "1,2,3,7") as (address, _):
        label(address, ask(address, "/screen")[1], "7")
    for labels in ([], ["--labels", "7,x"]):
        done = eyespot("annotate", codes, *GLYPHS, output, *labels, "--port", "0", timeout=WITHIN_S)
        said = "it was begun with --labels for digits alone, by which touching ones are cut. Received: any glyphs; "
        assert (done.returncode, done.stdout) == (NOTHING_DONE, "")
        assert done.stderr.startswith(f"eyespot: {output / NAME}: {said}")
        assert len(done.stderr.splitlines()) == 1
    with sitting(codes, *GLYPHS, output, "--labels", "7,8,9") as (address, _):
        assert ask(address, "/screen")[1]["index"] == 1


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs")
def test_a_full_disk_is_told_on_the_page_and_the_key_can_be_pressed_again(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        first = ask(address, "/screen")[1]
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (64, most))
        status, told = label(address, first, "7")
        assert status == 507
        assert told["error"] == f"not saved: {output}/7/000001.png: File too large; mend it and answer again"
        assert ask(address, "/screen")[1] == first
        assert not list(output.glob("*/*"))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert label(address, first, "7")[0] == 200
        assert ended(process)[1] == f"{output}: 1 label (7: 1), 0 ignored, 7 left\n"


@pytest.mark.slow
def test_what_a_kill_cut_off_is_asked_again(codes: Path, output: Path) -> None:
    with sitting(codes, *GLYPHS, output) as (address, process):
        label(address, ask(address, "/screen")[1], "7")
        process.kill()
    with (output / NAME).open("ab") as journal:
        journal.write(b'{"number": 2, "picture": "000.p')
    (output / "3").mkdir()
    (output / "3" / ".000001.png.0123abcd.partial").write_bytes(b"staged, and never published")
    with sitting(codes, *GLYPHS, output) as (address, process):
        found = ask(address, "/screen")[1]
        assert found["index"] == 1
        label(address, found, "3")
        assert ended(process)[0] == DONE
    assert [text for text, _ in labelled(output)] == ["3", "7"]
    assert [json.loads(line)["number"] for line in (output / NAME).read_text().splitlines()[1:]] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: there is no such folder"),
        (["blank", "--regions", "glyphs"], "blank: nothing to label: no glyph in 1 readable pictures"),
        (["codes", "--labels", "cat"], "--labels must be at least two that differ, as in cat,dog. Received: 'cat'"),
        (["codes", "--suggest", "none.onnx"], "none.onnx: there is no such model file"),
        (["codes", "--suggest", "codes/000.png"], "codes/000.png: this is not an ONNX model"),
        (
            ["codes", "--suggest", "faces.onnx", "--regions", "glyphs"],
            "faces.onnx: this model reads faces, --regions asks for glyphs; name another model",
        ),
        (["codes", "--host", "203.0.113.9"], "http://203.0.113.9:8765 cannot be listened on"),
    ],
)
def test_what_cannot_be_labelled_is_one_line(
    codes: Path,
    tmp_path: Path,
    tiny_content: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blank").mkdir()
    cv2.imwrite("blank/white.png", np.full((40, 60, 3), 255, np.uint8))
    written(tmp_path / "faces.onnx", restamped(tiny_content, regions=Faces()))
    assert main(["annotate", *arguments, "--output", "dataset"]) == NOTHING_DONE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith(f"eyespot: {message}")
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("regions", ["glyphs:0", "glyphs:x", "words"])
def test_regions_that_are_none_are_refused(regions: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["annotate", ".", "--output", "dataset", "--regions", regions])
    assert "must be none, faces" in capsys.readouterr().err


def test_it_loads_nothing_of_training_but_itself() -> None:
    script = "import sys, training.annotate.command; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "export"} & set(done.stdout.split())


def test_the_help_says_every_key() -> None:
    done = subprocess.run([EYESPOT, "annotate", "--help"], capture_output=True, text=True, check=True)
    for name in ("Delete", "Backspace", "arrows", "space bar", "ssh -L"):
        assert name in done.stdout
