"""A disk that is nearly full: a small file system in memory where this user may mount one, else a limit on files."""

import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.soak.commands import Ended, eyespot

ROOMY_BYTES = 256 << 20


class SmallDisk:
    """A folder that takes so many bytes and no more, until there is room."""

    def __init__(self, folder: Path, limit: int | None) -> None:
        self.folder = folder
        self._limit = limit

    def eyespot(self, *arguments: str | Path, cwd: Path) -> Ended:
        """Run a command, which finds the disk as it is."""
        return eyespot(*arguments, cwd=cwd, preexec_fn=self._limited())

    def make_room(self) -> None:
        """Be as large as anyone could need."""
        if self._limit is None:
            remounted = ["mount", "-o", f"remount,size={ROOMY_BYTES}", str(self.folder)]
            subprocess.run(remounted, check=True)
        self._limit = self._limit and ROOMY_BYTES

    @property
    def is_mounted(self) -> bool:
        """Whether all files together have so much room, and not each."""
        return self._limit is None

    def _limited(self) -> Callable[[], None] | None:
        limit = self._limit
        return None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@contextmanager
def small_disk(size_bytes: int) -> Iterator[SmallDisk]:
    """Yield a folder on a disk of that size."""
    with tempfile.TemporaryDirectory() as name:
        mounted = mount(Path(name), size_bytes)
        try:
            yield SmallDisk(Path(name), None if mounted else size_bytes)
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", name], check=True)


def mount(folder: Path, size_bytes: int) -> bool:
    """Mount a file system of that size; return whether that was allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def kind() -> str:
    """Return what this machine makes small disks of."""
    with small_disk(1 << 20) as disk:
        return "a mounted tmpfs" if disk.is_mounted else "RLIMIT_FSIZE, since this user may not mount a tmpfs"
