"""The emulated Pi as the tests use it: programs that run there, with the edge package and nothing else of ours."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.arm64.processor import PI_CORES, describe_processor
from tests.arm64.root import PINNED, PROJECT, PYTHON_VERSION, ROOTS, NotMade, find_emulator, name_of_root

EYESPOT = "import sys; from eyespot.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Pi:
    """A made root, the emulator, and a folder that holds a link to `edge` alone.

    Every call is one process: it cannot start another, because the kernel here does not know ARM programs.
    """

    made: Path
    emulator: str
    code: Path

    def python(self, *arguments: str | Path, packages: str = PINNED) -> "subprocess.CompletedProcess[str]":
        """Run Python on the Pi, with one of the two sets of packages."""
        root = self.made / "system"
        python = root / "usr" / "bin" / f"python{PYTHON_VERSION}"
        command = [self.emulator, "-cpu", "cortex-a72", "-L", root, python, "-s", *arguments]
        environment = {
            "PYTHONPATH": f"{self.code}:{self.made / packages}",
            "OPENBLAS_NUM_THREADS": "1",  # NumPy multiplies nothing large here, and idle threads cost emulation
            "LANG": "C.UTF-8",
        }
        return subprocess.run(
            list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    def eyespot(self, *arguments: str | Path, packages: str = PINNED) -> "subprocess.CompletedProcess[str]":
        """Run `eyespot` on the Pi."""
        return self.python("-c", EYESPOT, *arguments, packages=packages)


def find_pi(code: Path) -> Pi:
    """Return the Pi that `make test-arm64` made; `code` is an empty folder. Raises NotMade if there is none."""
    emulator, made = find_emulator(), ROOTS / name_of_root()
    if not made.exists():
        raise NotMade(f"{ROOTS.name} holds no emulated Pi of these versions; 'make test-arm64' makes it")
    describe_processor(made / "system", min(PI_CORES, len(os.sched_getaffinity(0))))
    (code / "edge").symlink_to(PROJECT / "edge")
    return Pi(made, emulator, code)
