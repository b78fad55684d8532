"""Make the file system of the emulated Pi, once: python -m tests.arm64.root.

It is a folder in `.arm64`, named for what it is made of: Debian 12's arm64 packages of Python and the C++ library, and
the wheels of the base install with the extra `cpu`, in the versions of constraints.txt and in the oldest that are
promised. apt gets a separate state folder, so the packages of this machine are not touched, and root is not needed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CONSTRAINTS = PROJECT / "constraints.txt"
ROOTS = PROJECT / ".arm64"
PINNED, OLDEST = "pinned", "oldest"
# The oldest Python that eyespot runs with, so that the oldest wheels that it promises can be installed.
PYTHON_VERSION = "3.11"
# What a Pi's system brings; the wheels bring everything else.
PACKAGES = (f"python{PYTHON_VERSION}", "libstdc++6")
# Wheels say the oldest glibc that they run with: 2.17 is from 2012, a Pi's system of 2021 has 2.31.
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(17, 29)] + ["manylinux2014_aarch64"]


class NotMade(Exception):  # noqa: N818 - it reads as the sentence that it is
    """What the tests need on this machine is not there; the message is one line."""


def main() -> int:
    """Make the root, if it is not there, and return the exit status."""
    try:
        find_emulator()
        if not (ROOTS / name_of_root()).exists():
            print(f"Making the emulated Pi in {ROOTS.name}; this fetches about 200 MB.", flush=True)
        make_whole(ROOTS, name_of_root(), fill)
    except (NotMade, OSError) as error:
        print(f"make test-arm64: {error}", file=sys.stderr)
        return 2
    return 0


def find_emulator() -> str:
    """Return the path of qemu's user emulation. Raises NotMade if it is not installed."""
    found = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not found:
        raise NotMade("qemu-aarch64-static is missing; install it with: apt-get install qemu-user-static")
    return found


def name_of_root() -> str:
    """Return the name of the folder, which changes with everything that decides what is in it."""
    parts = [CONSTRAINTS.read_text(encoding="utf-8"), *requirements(), *PACKAGES, *PLATFORMS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def make_whole(roots: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder `name` in `roots`, filled by `fill` if it is not there; what else is there is removed.

    It appears when all is in it: what was cut off in the middle is never taken for whole.
    """
    roots.mkdir(exist_ok=True)
    for other in roots.iterdir():
        if other.name != name:  # of other versions, or of a run that was cut off
            shutil.rmtree(other)
    if not (roots / name).exists():
        making = Path(tempfile.mkdtemp(prefix="making-", dir=roots))
        try:
            fill(making)
            making.rename(roots / name)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return roots / name


def fill(folder: Path) -> None:
    """Put everything into an empty `folder`: the system, and the two sets of packages beside it. Raises NotMade."""
    work = folder / "work"
    unpack_packages(folder / "system", work)
    shutil.rmtree(work)
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary=:all:"]
    pip += ["--implementation", "cp", "--python-version", PYTHON_VERSION, *platforms, "--target"]
    goal = "install the ARM wheels"
    call(goal, *pip, folder / PINNED, *requirements(), "--constraint", CONSTRAINTS)
    # Alone: what they need themselves is for tools of theirs.
    call(goal, *pip, folder / OLDEST, *oldest(requirements()), "--no-deps")


def unpack_packages(root: Path, work: Path) -> None:
    """Fetch PACKAGES and what they depend on into the folder `work` and unpack them into `root`. Raises NotMade."""
    state, cache = work / "state", work / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial", root):
        folder.mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Update::Error-Mode": "any",  # else a list that could not be fetched is no failure
        "APT::Sandbox::User": "",  # root's apt would hand the download to a user who may not write here
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    call("fetch Debian 12's lists of arm64 packages", *apt, "update")
    download = ["install", "--download-only", "--yes", "--no-install-recommends", *PACKAGES]
    call("fetch Debian 12's arm64 packages", *apt, *download)
    for package in sorted((cache / "archives").glob("*.deb")):
        call(f"unpack {package.name}", "dpkg", "-x", package, root)


def requirements() -> list[str]:
    """Return what `pip install 'eyespot[cpu]'` asks for."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def oldest(required: Iterable[str]) -> list[str]:
    """Return the requirements with `==` for their lower limit and no other."""
    return [re.sub(r">=([\d.]+).*", r"==\1", requirement) for requirement in required]


def call(goal: str, *command: str | os.PathLike[str]) -> None:
    """Run a program quietly, to reach `goal`. Raises NotMade, with its first complaint, if it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotMade(f"to {goal}, the program {command[0]} is needed, which Debian and its kin have") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        complaints = [line for line in said if line.startswith(("E:", "ERROR:"))]
        reason = [*complaints[:1], *said[-1:], f"{command[0]} ended with status {done.returncode}"][0]
        raise NotMade(f"could not {goal}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
