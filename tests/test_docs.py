"""The pages of docs/ are executed as the README is, each in a copy of the folder that the README leaves behind."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.pages import ROOT, commands, differences, run, run_readme

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUNNABLE = [page for page in PAGES if any(command.reason is None for command in commands(page))]
# Why a command of a page is not run by the tests. Everything else is.
REASONS = {
    "GPU",
    "a folder of your own",
    "a page for a person",
    "camera",
    "docker",
    "installation",
    "it does not end",
    "it needs labels that a person gave",
    "it needs the data set",
    "kubernetes",
    "network",
    "root",
    "the example of eyespot.export is run with its docstring",
    "the README runs it",
    "the tests share this run",
    "the tests start with these pictures",
    "tritonclient is no part of the installation",
}
LARGEST_PICTURE, LARGEST_PICTURES = 200_000, 1_500_000


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_every_command_prints_what_is_shown(
    page: Path, shared: Path, lenet_run: Path, lenet_model: Path, tmp_path: Path
) -> None:
    folder, _ = run_readme(shared)
    here = tmp_path / "here"
    shutil.copytree(folder, here)
    (here / "runs" / "lenet-digits").symlink_to(lenet_run)
    shutil.copy(lenet_model, here)
    assert not (found := differences(page, run(page, here))), "\n\n".join(found)


def test_what_is_not_run_has_a_known_reason() -> None:
    found = {command.reason for page in PAGES for command in commands(page) if command.reason}
    assert found == REASONS


def test_pictures_are_small_shown_and_described() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in (DOCS / "images").iterdir()}
    assert max(sizes.values()) <= LARGEST_PICTURE
    assert sum(sizes.values()) <= LARGEST_PICTURES
    shown = [found for page in PAGES for found in re.findall(r"!\[([^\]]*)\]\(images/([^)]+)\)", page.read_text())]
    assert {name for _, name in shown} == set(sizes)
    assert all(len(description) > 20 for description, _ in shown)


def test_every_page_is_in_the_navigation() -> None:
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"[\w-]+\.md", str(navigation))
    assert sorted(named) == [page.name for page in PAGES]


@pytest.mark.slow
def test_the_site_builds_and_holds_the_help_of_every_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "command-line" / "index.html").read_text(encoding="utf-8")
    assert "usage: eyespot classify" in page
    assert "--drift-window" in page
    assert "Classifier" in (tmp_path / "site" / "python-api" / "index.html").read_text(encoding="utf-8")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = project["dependencies"] + [
        r for name, group in extras.items() if name not in ("dev", "docs") for r in group
    ]
    reasons = (DOCS / "how-it-is-built.md").read_text(encoding="utf-8")
    for requirement in required:
        name = re.match(r"[\w-]+", requirement)
        assert name
        assert name[0] == "eyespot" or re.search(rf"^\|.*\b{name[0]}\b.*\|$", reasons, re.MULTILINE), name[0]


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ echo 'cat 97.31% 1.2e-06'\ncat   97.30% 3.4e-07\n$ echo 'cat 97.31%'\ncat 96.9%\n"
        "$ seq 3\n...\n3\n```\n<!-- not run: camera -->\n```console\n$ false\n```\n"
        "```python\nprint(1 + 1)  # 3\n```\n"
    )
    (wrong, sum_of_ones) = differences(page, run(page, tmp_path))
    assert wrong.startswith("$ echo 'cat 97.31%'\n")
    assert sum_of_ones.startswith("$ print(1 + 1)")
