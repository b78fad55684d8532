"""A file that only grows, and that one process at a time may write.

It exists for what grows for hours and must not lose a line: the rows of a batch, the answers of an annotation, the
manifest of what was gathered.
"""

import contextlib
import fcntl
import os
from io import FileIO
from pathlib import Path

from edge.errors import OutputError


class AppendOnlyFile:
    """The file at `path`, open and locked until it is closed. Up to `end`, in bytes, it holds what its owner wrote."""

    def __init__(self, path: Path, refusal: str) -> None:
        """Open or create it, and its folder; whoever finds something in it says with `keep` how much of it is good.

        Raises OutputError with the message `refusal` if another process holds it.
        """
        self.path = path
        self.end = 0
        self._made_folder = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(path, refusal)

    @property
    def size(self) -> int:
        """How many bytes there are, of which some may be of no use."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def has_its_name(self) -> bool:
        """Whether `path` still names this file: what goes into one without a name is lost."""
        return _is_at(self._file, self.path)

    def read(self) -> bytes:
        """Return all that is there."""
        self._file.seek(0)
        return self._file.readall()

    def read_lines(self) -> tuple[list[bytes], bytes]:
        """Return the lines that have their end, and what stands behind them: one that was cut off as it was written."""
        *lines, torn = self.read().split(b"\n")
        return [line + b"\n" for line in lines], torn

    def keep(self, end: int) -> None:
        """Cut off what stands behind `end`; what is appended follows there."""
        self._file.truncate(end)
        self._file.seek(end)
        self.end = end

    def append(self, lines: bytes, flush: bool) -> None:
        """Write `lines`, and with `flush` return once they are on the disk.

        Raises OSError, which names the file, if the disk refuses them: then nothing of them stays.
        """
        rest = memoryview(lines)
        try:
            while rest:  # a disk that is nearly full takes a part without complaint
                rest = rest[self._file.write(rest) :]
            if flush:
                self.flush()
        except OSError as error:
            self.keep(self.end)
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        self.end += len(lines)

    def flush(self) -> None:
        """Return once all that was written is on the disk. Raises OSError."""
        os.fsync(self._file.fileno())

    def discard(self) -> None:
        """Remove it, as nothing came of it, and its folder if that was made for it; another file of that name stays."""
        if not self.has_its_name:
            return
        self.path.unlink()
        if self._made_folder:
            with contextlib.suppress(OSError):  # somebody has put something there
                self.path.parent.rmdir()

    def close(self) -> None:
        """Close it, which also unlocks it."""
        self._file.close()


def _open_locked(path: Path, refusal: str) -> FileIO:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = FileIO(handle, "r+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise OutputError(refusal) from None
        # Who held it before may have renamed or removed it in between: then the lock is on the wrong file.
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
