"""`eyespot tune` as a user meets it, and that classify, batch and watch go by what it found."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.artifact import read_spec
from edge.cli import DONE, NOTHING_DONE, SOME_FAILED, main
from edge.tune.record import remember
from tests.conftest import broken_self_test
from tests.edge.artifacts import written
from tests.edge.batch.conftest import rows_of
from tests.edge.pictures import grey
from tests.edge.tune.networks import TRAINING, VARIANT, float32, int8, pair, record

Say = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_content: bytes) -> Path:
    """m.onnx and m8.onnx, one network, and a dark picture; one core, short turns, an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr("edge.tune.contest.TURN_S", 0.02)
    pair(tmp_path, tiny_content)
    written(tmp_path / "dark.png", grey(10))
    return tmp_path


def tune(*arguments: str) -> int:
    return main(["tune", *arguments, "--rounds", "1"])


def answered(capsys: Say, *arguments: str) -> tuple[str, str]:
    """The best label of `classify m.onnx dark.png`, and what stands on standard error."""
    capsys.readouterr()
    assert main(["classify", "m.onnx", "dark.png", "--json", *arguments]) == DONE
    out, err = capsys.readouterr()
    return json.loads(out)["predictions"][0]["label"], err


def test_the_best_that_may_be_chosen_is_remembered_and_used(folder: Path, tiny_content: bytes, capsys: Say) -> None:
    written(folder / "m.onnx", float32(tiny_content, parity=None))  # so that it is not chosen, however fast it is
    assert tune("m.onnx", "m8.onnx") == DONE
    out, err = capsys.readouterr()
    header, *lines = (line.split() for line in out.splitlines())
    assert header == ["model", "numbers", "images", "threads", "spinning", "median", "p95", "memory", "accuracy"]
    table = {(line[0], line[2]): (line[1], *line[3:5], " ".join(line[11:])) for line in lines[:4]}
    assert table == {
        ("m.onnx", "one"): ("float32", "1", "-", "99.00% no certificate"),
        ("m.onnx", "many"): ("float32", "1", "-", "99.00% no certificate"),
        ("m8.onnx", "one"): ("int8", "1", "-", "98.60% best"),
        ("m8.onnx", "many"): ("int8", "1", "-", "98.60% best for batch"),
    }
    assert [line[-3:] for line in lines[5:]] == [[str(folder / "m8.onnx") + ",", "1", "thread"]] * 2
    assert err.startswith(f"remembered in {folder / 'cache' / 'tuned'}")
    label, said = answered(capsys)
    assert (label, said.count("\n")) == ("bright", 1)
    assert said.startswith(f"eyespot: {folder / 'm8.onnx'} stands in for m.onnx")
    assert tune("m.onnx", "--forget") == DONE
    assert capsys.readouterr().out == "m.onnx: forgotten\n"
    assert answered(capsys) == ("dark", "")
    assert tune("m.onnx", "--forget") == DONE
    assert capsys.readouterr().out == "m.onnx: nothing was remembered on this device\n"


def test_json_has_every_configuration_and_what_is_remembered(folder: Path, capsys: Say) -> None:
    assert tune("m.onnx", "--json", "--image", "dark.png") == DONE
    out, err = capsys.readouterr()
    said = json.loads(out)
    entry, many = said["configurations"]
    assert ((entry["many"], many["many"]), many) == ((False, True), many | {"path": "m.onnx", "threads": 1})
    version = read_spec(Path("m.onnx")).version
    assert (entry["path"], entry["version"], entry["threads"], entry["spinning"]) == ("m.onnx", version, 1, True)
    assert (entry["accuracy"], entry["numbers"], entry["refused"], entry["failure"]) == (0.99, "float32", None, None)
    assert entry["median_ms"] == pytest.approx(np.median(entry["turn_medians_ms"]))
    assert 0 < entry["median_ms"] <= entry["p95_ms"]
    assert said["remembered"] == json.loads(next((folder / "cache/tuned").iterdir()).read_text())
    assert (said["remembered"]["one"]["version"], err) == (version, "")


def test_threads_and_untuned_take_the_model_as_it_was_named(folder: Path, capsys: Say) -> None:
    remember(record(Path("m8.onnx"), Path("m8.onnx"), Path("m.onnx")))
    assert answered(capsys)[0] == "bright"
    assert answered(capsys, "--untuned") == ("dark", "")
    assert answered(capsys, "--threads", "1") == ("dark", "")


def test_batch_takes_the_best_for_many(folder: Path, capsys: Say) -> None:
    remember(record(Path("m.onnx"), Path("m8.onnx")))
    versions = []
    for options in ([], ["--quiet"], ["--quiet", "--untuned"], ["--threads", "1", "--quiet"]):
        assert main(["batch", "m.onnx", "dark.png", "--output", "r.jsonl", "--overwrite", *options]) == DONE
        versions.append(rows_of(Path("r.jsonl"))[0]["predictions"][0]["label"])
    assert versions == ["bright", "bright", "dark", "dark"]
    assert capsys.readouterr().err.count("stands in for m.onnx") == 1


def test_watch_takes_the_best_for_one(folder: Path, capsys: Say) -> None:
    remember(record(Path("m8.onnx"), Path("m.onnx")))
    video = cv2.VideoWriter("dark.avi", cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for _ in range(2):
        video.write(np.full((64, 64, 3), 10, np.uint8))
    video.release()
    for options, label in (([], "bright"), (["--untuned"], "dark"), (["--threads", "1"], "dark")):
        assert main(["watch", "m.onnx", "dark.avi", "--json", *options]) == DONE
        lines = capsys.readouterr().out.splitlines()
        assert [json.loads(line)["predictions"][0]["label"] for line in lines] == [label] * 2


def test_info_shows_what_is_remembered(folder: Path, capsys: Say) -> None:
    remember(record(Path("m8.onnx"), Path("m.onnx")))
    assert main(["info", "m.onnx"]) == DONE
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("tuned here"))
    assert line.endswith(f"classify, watch: {folder / 'm8.onnx'}, 1 thread; batch: {folder / 'm.onnx'}, 1 thread")


def test_a_broken_record_is_one_line_and_the_answer_is_there(folder: Path, capsys: Say) -> None:
    remember(record(Path("m8.onnx"), Path("m8.onnx"), Path("m.onnx"))).write_bytes(b"{")
    label, err = answered(capsys)
    assert (label, err.count("\n")) == ("dark", 1)
    assert "what 'eyespot tune' remembered cannot be used" in err


def test_a_file_that_fails_here_is_left_out(folder: Path, tiny_content: bytes, capsys: Say) -> None:
    written(folder / "m8.onnx", int8(tiny_content, self_test=broken_self_test()))
    assert tune("m.onnx", "m8.onnx") == SOME_FAILED
    out = capsys.readouterr().out
    assert "m8.onnx: not measured: m8.onnx: it does not answer here as it did at its export" in out
    assert answered(capsys) == ("dark", "")


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (
            lambda content: int8(content, training=replace(TRAINING, seed=7)),
            [],
            "m8.onnx: this is not the network of m.onnx",
        ),
        (lambda content: int8(content, training=None), [], "m8.onnx: nothing in it shows that it is the network of"),
        (int8, ["none.onnx"], "none.onnx: there is no such model file"),
        (int8, ["--image", "none.png"], "--image none.png: there is no such file"),
    ],
    ids=["another", "unknown", "gone", "picture"],
)
def test_a_wrong_call_is_one_line_before_anything_is_measured(
    folder: Path,
    tiny_content: bytes,
    prepare: Callable[[bytes], bytes],
    arguments: list[str],
    message: str,
    capsys: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.commands.tune.hold_contest", lambda *_: pytest.fail("it was measured"))
    written(folder / "m8.onnx", prepare(tiny_content))
    assert tune("m.onnx", "m8.onnx", *arguments) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"eyespot: {message}")


def test_a_variant_past_its_limit_alone_is_refused(folder: Path, tiny_content: bytes, capsys: Say) -> None:
    written(folder / "m8.onnx", int8(tiny_content, variant=replace(VARIANT, accuracy=0.9)))
    assert tune("m8.onnx") == NOTHING_DONE
    assert capsys.readouterr().err == (
        "eyespot: m8.onnx: no file could be measured that may be chosen (loses 9.00 points of accuracy, limit 0.5)\n"
    )
    assert not (folder / "cache").exists()


def test_a_cache_that_cannot_be_written_is_one_line_after_the_table(folder: Path, capsys: Say) -> None:
    written(folder / "cache", b"a file")
    assert tune("m.onnx") == NOTHING_DONE
    out, err = capsys.readouterr()
    assert out.startswith("model ")
    assert (err.count("\n"), err.startswith("eyespot: ")) == (1, True)
    assert answered(capsys) == ("dark", "")


def test_a_model_without_a_record_loads_nothing_of_tune(folder: Path) -> None:
    script = """
import sys
from edge.cli import main
main(["classify", "m.onnx", "dark.png"])
print([m for m in sys.modules if m.startswith(("edge.tune", "edge.processor"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.splitlines()[-1] == "[]"
