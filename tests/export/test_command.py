"""`eyespot export` as a user meets it: what it prints, what it refuses, what it leaves behind."""

import errno
import json
import os
import re
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eyespot.cli import main
from tests.conftest import Run

OLD = b"what was here before"

Damage = Callable[[Path], object]


@pytest.fixture
def run(lenet_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, to damage."""
    return Path(shutil.copytree(lenet_run, tmp_path / "run"))


@pytest.fixture(params=[None, OLD], ids=["new", "over an old file"])
def output(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A name in a folder of its own, at which there is nothing, or a file, before and after the test."""
    path = tmp_path / "out" / "m.onnx"
    path.parent.mkdir()
    if request.param:
        path.write_bytes(request.param)
    yield path
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == ({"m.onnx": OLD} if request.param else {})


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run `eyespot export`, see that it refuses with one line, and return the line."""
    capsys.readouterr()
    assert main(["export", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert (out, line[:9]) == ("", "eyespot: ")
    return line


def test_one_run_gives_one_file_and_says_what_was_compared(
    lenet_run: Path, lenet_model: Path, tmp_path: Path, eyespot: Run
) -> None:
    """Two exports, in processes whose sets iterate in another order, from other folders."""
    quiet = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}

    def export(seed: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / seed).mkdir()
        return eyespot("export", lenet_run, cwd=tmp_path / seed, env=quiet | {"PYTHONHASHSEED": seed})

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(export, "12"))
    spec = json.loads(eyespot("info", lenet_model, "--json").stdout)
    for seed, process in zip("12", done, strict=True):
        (path,) = (tmp_path / seed).iterdir()
        assert path.read_bytes() == lenet_model.read_bytes()
        assert (process.returncode, process.stderr, path.name) == (0, "", "lenet-digits.onnx")
        written, parity = process.stdout.splitlines()
        assert written == f"lenet-digits.onnx: lenet-digits {spec['version']}, {path.stat().st_size:,} bytes"
        assert re.fullmatch(r"parity: 675 comparisons, largest difference .*, same best label on all", parity)
        assert f"{spec['parity']['largest_difference']:.1e}" in parity


def test_verify_passes_what_was_exported(lenet_model: Path, eyespot: Run) -> None:
    done = eyespot("verify", lenet_model, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["passed"], found["samples"]) == (0, True, 6)
    # The same machine and runtime as at the export, so within what parity allows.
    assert found["largest_difference"] <= 1e-5


def test_past_the_tolerance_nothing_is_written(
    lenet_run: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, lenet_run, "--output", output, "--tolerance", "1e-12")
    assert re.search(r"\d/digit_\d{4}\.png at \d+x\d+.* the limit is 1e-12", line)


@pytest.mark.parametrize(
    "options",
    [
        *(["--tolerance=nan"], ["--tolerance=inf"], ["--size=0x5"], ["--size=9000x1"], ["--int8", "--fp16"]),
        *(["--int8", f"--max-drop={value}"] for value in ("-1", "100", "nan", "many")),
        *(["--for", "arm"], ["--max-drop", "1"], ["--fp16", "--for", "x86"], ["--labels", "labels.txt"]),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_refused(
    lenet_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    try:
        status: object = main(["export", str(lenet_run), "--output", str(tmp_path / "m.onnx"), *options])
    except SystemExit as end:  # argparse ends the program itself
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out, len(err.splitlines()), list(tmp_path.iterdir())) == (2, "", 1, [])


def cut(name: str) -> Damage:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[: (run / name).stat().st_size // 2])


def flip(name: str) -> Damage:
    """Turn bytes around in the middle, where they are weights or pixels."""

    def damage(run: Path) -> None:
        content = bytearray((run / name).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 500] = bytes(byte ^ 0xA5 for byte in content[middle : middle + 500])
        (run / name).write_bytes(content)

    return damage


def edit_spec(**changes: object) -> Damage:
    def damage(run: Path) -> None:
        spec = json.loads((run / "spec.json").read_text())
        (run / "spec.json").write_text(json.dumps(spec | changes))

    return damage


def replace_archive(**entries: bytes) -> Damage:
    def damage(run: Path) -> None:
        with zipfile.ZipFile(run / "evaluation.zip", "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)

    return damage


SMALLER = [{"kind": "resize", "height": 20, "width": 28, "method": "antialias"}, {"kind": "grey"}]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(shutil.rmtree, "no such", id="no folder"),
        *(
            pytest.param(lambda run, name=name: (run / name).unlink(), name, id=f"no {name}")
            for name in ("model.keras", "spec.json", "evaluation.zip")
        ),
        pytest.param(cut("model.keras"), "model.keras", id="network cut short"),
        pytest.param(flip("model.keras"), "model.keras", id="network damaged"),
        pytest.param(cut("evaluation.zip"), "evaluation.zip", id="images cut short"),
        pytest.param(flip("evaluation.zip"), "evaluation.zip", id="images damaged"),
        pytest.param(replace_archive(), "no image", id="no image among them"),
        pytest.param(replace_archive(bad=b"words"), "bad", id="no image behind a name"),
        pytest.param(edit_spec(colour="red"), "colour", id="unknown key"),
        pytest.param(edit_spec(labels=list("0123456789a")), "11", id="a label too many"),
        pytest.param(edit_spec(preprocessing=SMALLER), "[20, 28, 1]", id="another size"),
        pytest.param(edit_spec(preprocessing=[{"kind": "grey"}]), "preprocessing", id="no size"),
    ],
)
def test_a_damaged_run_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Damage, said: str
) -> None:
    damage(run)
    assert said in refused(capsys, run, "--output", tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_an_output_that_is_a_folder_is_one_line_that_names_it(
    lenet_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert str(tmp_path) in refused(capsys, lenet_run, "--output", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_that_names_the_file(
    lenet_run: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel refuses all that goes past 2 MiB in one file, as it does where the disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, limits[1]))
    try:
        line = refused(capsys, lenet_run, "--output", output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.strerror(errno.EFBIG) in line
    assert ".onnx" in line  # the output, or the one beside which it is optimised
