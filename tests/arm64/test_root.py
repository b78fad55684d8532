"""The root is whole or not there, and what is missing is said in one line."""

from pathlib import Path

import pytest

from tests.arm64 import root
from tests.arm64.processor import describe_processor


def test_the_oldest_are_the_lower_limits() -> None:
    found = root.oldest(["numpy>=2.0", "pillow>=13,<14", "onnxruntime>=1.20"])
    assert found == ["numpy==2.0", "pillow==13", "onnxruntime==1.20"]
    assert {"numpy", "onnxruntime"} <= {requirement.split(">")[0] for requirement in root.requirements()}


def test_what_fails_half_way_leaves_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "system").mkdir()
        raise root.NotMade("no network")

    (tmp_path / "making-of-a-killed-run" / "system").mkdir(parents=True)
    with pytest.raises(root.NotMade):
        root.make_whole(tmp_path, "new", half)
    assert list(tmp_path.iterdir()) == []
    made = root.make_whole(tmp_path, "new", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert root.make_whole(tmp_path, "new", half) == made


def test_other_versions_have_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, changed = root.name_of_root(), tmp_path / "constraints.txt"
    changed.write_text(root.CONSTRAINTS.read_text() + "one==1\n")
    monkeypatch.setattr(root, "CONSTRAINTS", changed)
    assert root.name_of_root() != name


def test_a_missing_emulator_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert root.main() == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_program_that_fails_says_its_first_complaint() -> None:
    for script, said in (("printf 'first\nE: second\nE: third\n' >&2; exit 3", "E: second"), ("exit 3", "status 3")):
        with pytest.raises(root.NotMade, match=said):
            root.call("fetch it", "sh", "-c", script)


def test_the_processor_is_a_cortex_a72_with_as_many_cores_as_asked(tmp_path: Path) -> None:
    describe_processor(tmp_path, 3)
    assert (tmp_path / "proc/cpuinfo").read_text().count("CPU part\t: 0xd08\n") == 3
    assert (tmp_path / "sys/devices/system/cpu/present").read_text() == "0-2\n"
