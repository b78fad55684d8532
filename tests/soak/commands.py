"""Run `eyespot` as a user would, with its peak of memory."""

import os
import resource
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measuring import EYESPOT

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


def eyespot(*arguments: str | Path, cwd: Path, largest_file: int | None = None) -> Ended:
    """Run a command to its end, killed after five minutes, with a limit to the bytes of each file it writes."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        command = [EYESPOT, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=errors, preexec_fn=limit)
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said = [file.seek(0) or file.read().decode(errors="replace") for file in (output, errors)]
    return Ended(process.returncode, *said, usage.ru_maxrss / 1e3)


@contextmanager
def started(*arguments: str | Path, cwd: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command; whatever happens, it has ended after the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen([EYESPOT, *map(str, arguments)], cwd=cwd, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()
