"""`eyespot benchmark` as a user meets it: every file with every number of threads, and which is named at the end."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from edge.arguments import DONE, NOTHING_DONE, SOME_FAILED
from edge.commands import benchmark
from edge.spec import ClassCounts, TrainingRecord, Variant
from eyespot.cli import main
from tests.conftest import broken_self_test
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import grey

Say = pytest.CaptureFixture[str]
Durations = dict[tuple[str, int], float]

COUNTS = ClassCounts((3, 3, 3), (3, 3, 3), (3, 3, 3), ())
TRAINING = TrainingRecord("tiny", "greys", "ab12", 9, 9, 0.99, 3, 0, 1.0, COUNTS)


def variant(accuracy: float) -> Variant:
    return Variant("int8", "U8S8", "minmax", (), 9, accuracy, 0.99, 0.9925, 0.1, 0.5)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_content: bytes) -> Path:
    """m.onnx (99 %), m8.onnx (98.6 %, within its limit), bad8.onnx (90 %, past it) and a dark picture; two cores."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "usable_cores", lambda: 2)
    written(tmp_path / "m.onnx", restamped(tiny_content, training=TRAINING))
    written(tmp_path / "m8.onnx", restamped(tiny_content, training=TRAINING, variant=variant(0.986)))
    written(tmp_path / "bad8.onnx", restamped(tiny_content, training=TRAINING, variant=variant(0.9)))
    written(tmp_path / "dark.png", grey(10))
    return tmp_path


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Durations], list[tuple[str, int]]]:
    """Lets each file take so many seconds with so many threads, and lists the turns."""

    def set_durations(durations: Durations) -> list[tuple[str, int]]:
        turns = []

        def run(command: list[str], **_: object) -> "CompletedProcess[bytes]":
            turn = (command[4], int(command[5]))
            turns.append(turn)
            said = json.dumps({"seconds": [durations[turn]] * 5, "peak_bytes": 50_000_000})
            return CompletedProcess(command, 0, said.encode(), b"")

        monkeypatch.setattr(benchmark.subprocess, "run", run)
        return turns

    return set_durations


@pytest.mark.slow
def test_the_table_has_every_file_and_number_of_threads(folder: Path, capsys: Say) -> None:
    assert main(["benchmark", "m.onnx", "m8.onnx"]) == DONE
    _, *lines, conclusion = capsys.readouterr().out.splitlines()
    cells = [line.split() for line in lines]
    assert {(model, threads, accuracy) for model, threads, *_, accuracy in cells} == {
        (model, threads, accuracy)
        for model, accuracy in (("m.onnx", "99.00%"), ("m8.onnx", "98.60%"))
        for threads in ("1", "2")
    }
    medians = [float(median) for _, _, median, *_ in cells]
    assert medians == sorted(medians)
    assert all(median <= float(p95) for (_, _, _, p95, *_), median in zip(cells, medians, strict=True))
    assert "eyespot classify m" in conclusion


@pytest.mark.parametrize(
    ("seconds", "command"),
    [
        ([5, 4, 3, 2, 1, 1], "eyespot classify m8.onnx --threads 2 IMAGE"),  # bad8 lost too much
        ([2.05, 2.03, 2.01, 2, 9, 9], "eyespot classify m.onnx --threads 1 IMAGE"),  # as fast, more accurate
        ([9, 9, 2.01, 2, 9, 9], "eyespot classify m8.onnx --threads 1 IMAGE"),  # as fast, fewer threads
    ],
)
def test_the_fastest_is_named(
    taking: Callable[[Durations], list[tuple[str, int]]], seconds: list[float], command: str, capsys: Say
) -> None:
    rows = [(model, threads) for model in ("m.onnx", "m8.onnx", "bad8.onnx") for threads in (1, 2)]
    taking(dict(zip(rows, seconds, strict=True)))
    assert main(["benchmark", "m.onnx", "m8.onnx", "bad8.onnx", "--json"]) == DONE
    said = json.loads(capsys.readouterr().out)
    assert said["command"] == command
    assert [(row["model"], row["threads"], row["median_ms"]) for row in said["measurements"]] == [
        (*row, pytest.approx(1000 * taken)) for row, taken in zip(rows, seconds, strict=True)
    ]
    assert [row["refusal"] is None for row in said["measurements"]] == [True] * 4 + [False] * 2


@pytest.mark.slow
def test_a_file_that_fails_its_samples_here_is_left_out(folder: Path, tiny_content: bytes, capsys: Say) -> None:
    written(folder / "m8.onnx", restamped(tiny_content, self_test=broken_self_test()))
    assert main(["benchmark", "m.onnx", "m8.onnx", "--json"]) == SOME_FAILED
    rows = json.loads(capsys.readouterr().out)["measurements"]
    assert [(row["model"], row["failure"] is None, row["median_ms"] is None) for row in rows] == [
        *[("m.onnx", True, False)] * 2,
        *[("m8.onnx", False, True)] * 2,
    ]
    assert main(["benchmark", "m8.onnx"]) == NOTHING_DONE


@pytest.mark.parametrize("arguments", [["none.onnx"], ["dark.png"]])
def test_a_wrong_call_is_one_line(arguments: list[str], capsys: Say) -> None:
    assert main(["benchmark", *arguments]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
