"""The base install with the extra `cpu`, as ARM wheels: the pinned versions, and the oldest that are promised."""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.arm64.debian import PYTHON_VERSION
from tests.arm64.steps import call

PROJECT = Path(__file__).parents[2]
CONSTRAINTS = PROJECT / "constraints.txt"
# Wheels say the oldest glibc that they run with: 2.17 is from 2012, a Pi's system of 2021 has 2.31.
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(17, 29)] + ["manylinux2014_aarch64"]


def requirements() -> list[str]:
    """Return what `pip install 'eyespot[cpu]'` asks for."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def oldest(required: Iterable[str]) -> list[str]:
    """Return the requirements with `==` for their lower limit and no other."""
    return [re.sub(r">=([\d.]+).*", r"==\1", requirement) for requirement in required]


def install_pinned(folder: Path) -> None:
    """Install the versions of constraints.txt into `folder`, which a Pi's Python can import from. Raises NotMade."""
    _install(folder, *requirements(), "--constraint", CONSTRAINTS)


def install_oldest(folder: Path) -> None:
    """Install the oldest versions that pyproject.toml promises, alone: their own needs are for tools of theirs."""
    _install(folder, *oldest(requirements()), "--no-deps")


def _install(folder: Path, *wanted: str | Path) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary=:all:"]
    here = ["--target", folder, "--implementation", "cp", "--python-version", PYTHON_VERSION]
    call("install the ARM wheels", *pip, *here, *platforms, *wanted)
