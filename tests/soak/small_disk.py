"""A disk that is nearly full: a small file system in memory where this user may mount one, else a limit on files."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.soak.commands import Ended, eyespot

ROOMY_BYTES = 256 << 20


@dataclass
class SmallDisk:
    """A folder that takes so many bytes, until there is room; without a mount each of its files takes so many."""

    folder: Path
    size_bytes: int
    is_mounted: bool

    def eyespot(self, *arguments: str | Path, cwd: Path) -> Ended:
        """Run a command, which finds the disk as it is."""
        return eyespot(*arguments, cwd=cwd, largest_file=None if self.is_mounted else self.size_bytes)

    def make_room(self) -> None:
        """Be as large as anyone could need."""
        self.size_bytes = ROOMY_BYTES
        if self.is_mounted:
            subprocess.run(["mount", "-o", f"remount,size={ROOMY_BYTES}", str(self.folder)], check=True)


@contextmanager
def small_disk(size_bytes: int) -> Iterator[SmallDisk]:
    """Yield a folder on a disk of that size."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", name]
        try:
            is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            is_mounted = False
        try:
            yield SmallDisk(Path(name), size_bytes, is_mounted)
        finally:
            if is_mounted:
                subprocess.run(["umount", "--lazy", name], check=True)
