"""Make the file system of the emulated Pi, once: python -m tests.arm64.root.

It stands in `.arm64`, in a folder named for what it was made of. The folder appears when all is in it, so that what
is there is whole; a change of the versions or of the packages makes another.
"""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.arm64.debian import PACKAGES, unpack_packages
from tests.arm64.steps import NotMade
from tests.arm64.wheels import CONSTRAINTS, PLATFORMS, PROJECT, install_oldest, install_pinned, requirements

ROOTS = PROJECT / ".arm64"
LOCK = "lock"
PINNED, OLDEST = "pinned", "oldest"


def name_of_root() -> str:
    """Return the name of the folder, which changes with everything that decides what is in it."""
    parts = [CONSTRAINTS.read_text(encoding="utf-8"), *requirements(), *PACKAGES, *PLATFORMS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def find_emulator() -> str:
    """Return the path of qemu's user emulation. Raises NotMade if it is not installed."""
    found = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not found:
        raise NotMade("qemu-aarch64-static is missing; install it with: apt-get install qemu-user-static")
    return found


def fill(folder: Path) -> None:
    """Put everything into an empty `folder`: the system, and the two sets of packages beside it. Raises NotMade."""
    work = folder / "work"
    unpack_packages(folder / "system", work)
    shutil.rmtree(work)
    install_pinned(folder / PINNED)
    install_oldest(folder / OLDEST)


def make_whole(roots: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder `name` in `roots`, filled by `fill` if it is not there; what else is there is removed."""
    roots.mkdir(exist_ok=True)
    with (roots / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for other in roots.iterdir():
            if other.name not in (LOCK, name):  # of other versions, or of a run that was cut off
                shutil.rmtree(other)
        if not (roots / name).exists():
            making = Path(tempfile.mkdtemp(prefix="making-", dir=roots))
            try:
                fill(making)
                making.rename(roots / name)
            except BaseException:
                shutil.rmtree(making, ignore_errors=True)
                raise
    return roots / name


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
    except KeyboardInterrupt:
        print("make test-arm64: interrupted; nothing was kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
