"""What is installed: the source archive and the wheel that is made of it, and the error under another Python."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ("edge", "export", "eyespot", "serving", "training")
AROUND = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt")


def files_of(*paths: str) -> list[str]:
    """Return the files of the checkout below some paths, those that are not committed yet among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in listed if (ROOT / name).is_file())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel, built in a copy: a build leaves files where it runs."""
    folder = tmp_path_factory.mktemp("dist")
    for name in files_of(*PACKAGES, *AROUND, "deploy", "Dockerfile"):
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, folder / "source"]
    subprocess.run(build, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_both_hold_every_file_of_the_packages(built: Path) -> None:
    stem = f"eyespot-{PROJECT['version']}"
    with zipfile.ZipFile(built / f"{stem}-py3-none-any.whl") as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert sorted(names) == files_of(*PACKAGES)
        assert all(wheel.read(name) == (ROOT / name).read_bytes() for name in names)
    with tarfile.open(built / f"{stem}.tar.gz") as archive:
        held = {name.removeprefix(f"{stem}/") for name in archive.getnames()}
    assert {*files_of(*PACKAGES, "deploy"), *AROUND} <= held


@pytest.mark.slow
def test_the_wheel_installs_by_name_with_an_extra_and_answers(built: Path, tmp_path: Path) -> None:
    """Its dependencies are those of this environment; our own packages are found in the wheel's folder first."""
    bare = tmp_path / "bare"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--find-links", built, "--target", bare, f"eyespot[cpu]=={PROJECT['version']}"], check=True)
    Image.new("L", (8, 8), 90).save(tmp_path / "grey.png")

    def run(*arguments: str | Path) -> str:
        environment = os.environ | {"PYTHONPATH": str(bare)}
        command = [bare / "bin" / "eyespot", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert run("--version") == f"eyespot {PROJECT['version']}\n"
    assert "grey.png" in run("classify", ROOT / "tests" / "data" / "linear-digits.onnx", "grey.png")


def test_the_licence_is_in_the_metadata() -> None:
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_changelog_begins_with_this_version() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
    assert headings[0].startswith(f"## {PROJECT['version']}")


@pytest.mark.parametrize("package", ["edge", "eyespot"])
def test_an_old_python_is_told_which_one_is_needed(package: str) -> None:
    code = f"import sys; sys.version_info = (3, 9, 18); import {package}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "3.11" in done.stderr.splitlines()[-1]
