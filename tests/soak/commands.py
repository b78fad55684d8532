"""Run `eyespot` as a user would, with its peak of memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
LIMIT_S = 300.0


@dataclass(frozen=True)
class Ended:
    """What a command left: its status, what it said on both outputs, and its peak of memory."""

    status: int
    output: str
    errors: str
    peak_mb: float

    def refused(self) -> str | None:
        """Return what is wrong with this as the answer to a full disk or a damaged file: None for one clear line."""
        lines = self.errors.splitlines()
        if self.status != 2:
            return f"status {self.status} in place of 2: {lines[-1:]}"
        if "Traceback" in self.errors or not lines or not lines[-1].startswith("eyespot: "):
            return f"not one clear line: {lines[-3:]}"
        return None


def eyespot(*arguments: str | Path, cwd: Path, preexec_fn: Callable[[], None] | None = None) -> Ended:
    """Run a command to its end. Raises TimeoutExpired where that takes more than five minutes."""
    with started(*arguments, cwd=cwd, preexec_fn=preexec_fn) as process:
        said = (text.decode(errors="replace") for text in process.communicate(timeout=LIMIT_S))
    return Ended(process.returncode, *said, process.peak_mb)


class Measured(subprocess.Popen):  # type: ignore[type-arg]
    """A process that remembers the most memory it had."""

    peak_mb = 0.0

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        pid, status, usage = os.wait4(self.pid, wait_flags)
        self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1e3)
        return pid, status


@contextmanager
def started(*arguments: str | Path, cwd: Path, preexec_fn: Callable[[], None] | None = None) -> Iterator[Measured]:
    """Start a command; whatever happens, it has ended after the block."""
    command = [EYESPOT, *map(str, arguments)]
    process = Measured(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=preexec_fn, text=False
    )
    try:
        with process:
            yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
