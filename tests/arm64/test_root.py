"""The root is whole or not there, it says what is missing in one line, and it names what it installs."""

import tomllib
from pathlib import Path

import pytest

from tests.arm64 import root
from tests.arm64.processor import describe_processor
from tests.arm64.steps import NotMade, call
from tests.arm64.wheels import oldest, requirements


def test_the_oldest_are_the_lower_limits() -> None:
    found = oldest(["numpy>=2.0", "pillow>=13,<14", "onnxruntime>=1.20"])
    assert found == ["numpy==2.0", "pillow==13", "onnxruntime==1.20"]


def test_the_requirements_are_those_of_a_device() -> None:
    project = tomllib.loads((root.PROJECT / "pyproject.toml").read_text())["project"]
    assert requirements() == project["dependencies"] + project["optional-dependencies"]["cpu"]
    assert [requirement.split(">")[0] for requirement in requirements()] == [
        "msgspec",
        "numpy",
        "pillow",
        "tqdm",
        "onnxruntime",
    ]


def test_what_fails_half_way_leaves_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "system").mkdir()
        raise NotMade("no network")

    with pytest.raises(NotMade, match="no network"):
        root.make_whole(tmp_path / "roots", "new", half)
    assert [path.name for path in (tmp_path / "roots").iterdir()] == ["lock"]
    made = root.make_whole(tmp_path / "roots", "new", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert root.make_whole(tmp_path / "roots", "new", half) == made


def test_older_roots_and_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    for name in ("old", "making-abc"):
        (tmp_path / name / "system").mkdir(parents=True)
    root.make_whole(tmp_path, "new", lambda folder: (folder / "whole").touch())
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "new"}


def test_other_versions_have_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {root.name_of_root(), root.name_of_root()}
    changed = tmp_path / "constraints.txt"
    changed.write_text(root.CONSTRAINTS.read_text() + "one==1\n")
    monkeypatch.setattr(root, "CONSTRAINTS", changed)
    assert len(names | {root.name_of_root()}) == 2


def test_a_missing_emulator_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert root.main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "apt-get install qemu-user-static" in said


def test_a_program_that_fails_says_its_first_complaint() -> None:
    with pytest.raises(NotMade, match=r"^could not fetch it: E: second$"):
        call("fetch it", "sh", "-c", "printf 'first\nE: second\nE: third\n' >&2; exit 3")
    with pytest.raises(NotMade, match=r"^could not fetch it: last$"):
        call("fetch it", "sh", "-c", "printf 'first\nlast\n' >&2; exit 3")
    with pytest.raises(NotMade, match=r"^could not fetch it: false ended with status 1$"):
        call("fetch it", "false")
    with pytest.raises(NotMade, match="no-such-program is needed"):
        call("fetch it", "no-such-program")


def test_the_processor_is_a_cortex_a72_with_as_many_cores_as_asked(tmp_path: Path) -> None:
    for cores, numbers in ((1, "0\n"), (3, "0-2\n")):
        describe_processor(tmp_path, cores)
        assert (tmp_path / "proc/cpuinfo").read_text().count("CPU part\t: 0xd08\n") == cores
        assert (tmp_path / "sys/devices/system/cpu/present").read_text() == numbers
