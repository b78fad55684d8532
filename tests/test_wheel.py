"""The wheel: every file of the four packages is in it, and what was installed from it alone finds its data."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from edge.web.style import with_style

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PACKAGES = ("edge", "export", "serving", "training")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-index", "--no-deps")

# Imports what reads a file beside it, and prints where that is and how much was read.
READ_DATA = """
import serving.pages, training.annotate.server
from training.pretrained.command import imagenet_labels
for module, data in (
    (serving.pages, serving.pages.PLAYGROUND),
    (training.annotate.server, training.annotate.server.PAGE),
    (training.pretrained, imagenet_labels()),
):
    print(module.__file__, len(data))
"""


def files_of(*paths: str) -> list[str]:
    """The files of the checkout that belong to it, those that are not committed yet among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, built in a copy: a build leaves files where it runs, and takes up older ones."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in files_of(*PACKAGES, "pyproject.toml", "README.md"):
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    subprocess.run(
        [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", folder, folder / "source"], check=True
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python finds our packages where the wheel was installed, before any other."""
    bare = tmp_path_factory.mktemp("bare")
    subprocess.run([*PIP, "install", *OFFLINE, "--target", bare, wheel], check=True)
    return os.environ | {"PYTHONPATH": str(bare)}


def test_it_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert sorted(names) == sorted(files_of(*PACKAGES))
        assert all(archive.read(name) == (ROOT / name).read_bytes() for name in names)


def test_the_command_that_it_installs_is_the_version_that_is_written(installed: dict[str, str], tmp_path: Path) -> None:
    command = [f"{installed['PYTHONPATH']}/bin/eyespot", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=installed, capture_output=True, text=True, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert done.stdout == f"eyespot {project['version']}\n"


def test_what_stands_beside_the_code_is_found(installed: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_DATA], cwd=tmp_path, env=installed, capture_output=True, text=True, check=True
    )
    bare = installed["PYTHONPATH"]
    pages = (ROOT / name for name in ("serving/playground.html", "training/annotate/page.html"))
    playground, page = (len(with_style(path.read_text(encoding="utf-8"))) for path in pages)
    assert done.stdout.splitlines() == [
        f"{bare}/serving/pages.py {playground}",
        f"{bare}/training/annotate/server.py {page}",
        f"{bare}/training/pretrained/__init__.py 1000",
    ]
