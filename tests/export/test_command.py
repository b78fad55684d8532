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

from edge.cli import main
from tests.conftest import Run

OLD = b"what was here before"

Damage = Callable[[Path], None]


@pytest.fixture
def run(lenet_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, to damage."""
    return Path(shutil.copytree(lenet_run, tmp_path / "run"))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A name in an empty folder."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "m.onnx"


def status_of(*arguments: object) -> object:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run `eyespot export`, see that it refuses with one line, and return the line."""
    capsys.readouterr()
    assert main(["export", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("eyespot: ")
    return line


def quiet() -> dict[str, str]:
    """Return the environment without what asks for all that TensorFlow has to say."""
    return {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}


@pytest.fixture(scope="module")
def exported_twice(
    lenet_run: Path, tmp_path_factory: pytest.TempPathFactory, eyespot: Run
) -> list[tuple[Path, "subprocess.CompletedProcess[str]"]]:
    """Two exports of one run, in processes whose sets iterate in another order, from other folders."""
    folders = [tmp_path_factory.mktemp(f"seed_{seed}") for seed in (1, 2)]

    def export(seed: int) -> "subprocess.CompletedProcess[str]":
        return eyespot("export", lenet_run, cwd=folders[seed - 1], env=quiet() | {"PYTHONHASHSEED": str(seed)})

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(export, (1, 2)))
    return [(folder / "lenet-digits.onnx", process) for folder, process in zip(folders, done, strict=True)]


def test_one_run_gives_one_file(
    exported_twice: list[tuple[Path, "subprocess.CompletedProcess[str]"]], lenet_model: Path
) -> None:
    contents = [path.read_bytes() for path, _ in exported_twice]
    assert contents[0] == contents[1] == lenet_model.read_bytes()


def test_it_says_what_was_proven_and_nothing_of_tensorflow(
    exported_twice: list[tuple[Path, "subprocess.CompletedProcess[str]"]], lenet_model: Path, eyespot: Run
) -> None:
    spec = json.loads(eyespot("info", lenet_model, "--json").stdout)
    for path, done in exported_twice:
        assert (done.returncode, done.stderr) == (0, "")
        assert [file.name for file in path.parent.iterdir()] == ["lenet-digits.onnx"]
        written, parity = done.stdout.splitlines()
        assert written == f"lenet-digits.onnx: lenet-digits {spec['version']}, {path.stat().st_size:,} bytes"
        assert re.fullmatch(r"parity: 675 comparisons, largest difference .*, same best label on all", parity)
        assert f"{spec['parity']['largest_difference']:.1e}" in parity


@pytest.mark.parametrize("old", [None, OLD], ids=["new", "over an old file"])
def test_past_the_tolerance_nothing_is_written(
    lenet_run: Path, output: Path, capsys: pytest.CaptureFixture[str], old: bytes | None
) -> None:
    if old:
        output.write_bytes(old)
    line = refused(capsys, lenet_run, "--output", output, "--tolerance", "1e-12")
    assert re.search(r"\d/digit_\d{4}\.png at \d+x\d+.* the limit is 1e-12", line)
    assert {path.name: path.read_bytes() for path in output.parent.iterdir()} == ({"m.onnx": OLD} if old else {})


@pytest.mark.parametrize("tolerance", ["nan", "inf"])
def test_a_tolerance_that_is_no_limit_is_refused(
    lenet_run: Path, output: Path, capsys: pytest.CaptureFixture[str], tolerance: str
) -> None:
    # By us or by argparse, which ends the program itself.
    assert status_of("export", lenet_run, "--output", output, f"--tolerance={tolerance}") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert list(output.parent.iterdir()) == []


def remove(name: str) -> Damage:
    return lambda run: (run / name).unlink()


def cut(name: str) -> Damage:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[: (run / name).stat().st_size // 2])


def empty(name: str) -> Damage:
    return lambda run: (run / name).write_bytes(b"")


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
COLOUR = [{"kind": "resize", "height": 28, "width": 28, "method": "antialias"}]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(shutil.rmtree, "no such", id="no folder"),
        pytest.param(remove("model.keras"), "model.keras", id="no network"),
        pytest.param(remove("spec.json"), "spec.json", id="no spec"),
        pytest.param(remove("evaluation.zip"), "evaluation.zip", id="no images"),
        pytest.param(cut("model.keras"), "model.keras", id="network cut short"),
        pytest.param(empty("model.keras"), "model.keras", id="network empty"),
        pytest.param(flip("model.keras"), "model.keras", id="network damaged"),
        pytest.param(cut("evaluation.zip"), "evaluation.zip", id="images cut short"),
        pytest.param(flip("evaluation.zip"), "evaluation.zip", id="images damaged"),
        pytest.param(replace_archive(), "no image", id="no image among them"),
        pytest.param(replace_archive(bad=b"words"), "bad", id="no image behind a name"),
        pytest.param(edit_spec(colour="red"), "colour", id="unknown key"),
        pytest.param(edit_spec(labels=list("012345678")), "9", id="a label too few"),
        pytest.param(edit_spec(labels=list("0123456789a")), "11", id="a label too many"),
        pytest.param(edit_spec(preprocessing=SMALLER), "[20, 28, 1]", id="another size"),
        pytest.param(edit_spec(preprocessing=COLOUR), "[28, 28, 3]", id="another depth"),
        pytest.param(edit_spec(preprocessing=[{"kind": "grey"}]), "preprocessing", id="no size"),
    ],
)
def test_a_damaged_run_is_one_line(
    run: Path, output: Path, capsys: pytest.CaptureFixture[str], damage: Damage, said: str
) -> None:
    damage(run)
    assert said in refused(capsys, run, "--output", output)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("name", [".", "folder"])
def test_an_output_that_is_a_folder_is_one_line_that_names_it(
    lenet_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    line = refused(capsys, lenet_run, "--output", name)
    assert ".partial" not in line
    assert name in line.removeprefix("eyespot: ")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let the kernel refuse all that goes past 2 MiB in one file, as it does where the disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("old", [None, OLD], ids=["new", "over an old file"])
def test_a_full_disk_is_one_line_that_names_the_file(
    lenet_run: Path, output: Path, capsys: pytest.CaptureFixture[str], old: bytes | None
) -> None:
    if old:
        output.write_bytes(old)
    line = refused(capsys, lenet_run, "--output", output)
    assert {path.name: path.read_bytes() for path in output.parent.iterdir()} == ({"m.onnx": OLD} if old else {})
    assert os.strerror(errno.EFBIG) in line
    assert ".onnx" in line  # the output, or the one beside which it is optimised


def test_verify_passes_what_was_exported(lenet_model: Path, eyespot: Run) -> None:
    done = eyespot("verify", lenet_model, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["passed"], found["samples"]) == (0, True, 6)
    # The same machine and runtime as at the export, so within what parity allows.
    assert found["largest_difference"] <= 1e-5
