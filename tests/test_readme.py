"""The README is executed: its commands in order, in one shell, in an empty folder; their output is what it shows."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.pages import README, ROOT, commands, differences, run_readme

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_command_prints_what_is_shown(shared: Path) -> None:
    folder, printed = run_readme(shared)
    assert not (found := differences(README, printed)), "\n\n".join(found)
    assert len((folder / "results.csv").read_text().splitlines()) == 1 + len(list(folder.glob("more/*/*.jpg")))
    assert (folder / "report.html").exists()
    assert (folder / "annotated.avi").stat().st_size > 0


def test_what_is_not_run_is_a_camera_or_an_installation() -> None:
    assert {command.reason for command in commands(README)} == {None, "camera", "installation"}


def test_it_is_short() -> None:
    assert 150 <= len(TEXT.splitlines()) <= 220


def test_every_picture_and_page_is_there_and_every_picture_is_described() -> None:
    for description, target in re.findall(r"(?:!\[([^\]]*)\]|\])\(([^)#]+)[^)]*\)", TEXT):
        assert (ROOT / target).exists(), target
        assert not target.endswith(".png") or len(description) > 20, target


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"`make ([\w-]+)`", TEXT))
    assert {"demo", "docs", "bench"} <= named
    for target in named:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_installation_names_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    texts = [TEXT, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))]
    named = [shlex.split(group)[0] for text in texts for group in re.findall(r"(?:eyespot|\.)\[([a-z,]+)\]", text)]
    assert named
    for group in named:
        assert set(group.split(",")) <= set(extras), group
