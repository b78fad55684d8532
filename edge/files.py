"""Files that are whole or not there, and files that only grow."""

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from edge.errors import EyespotError, OutputError

# A random part of the name keeps two writers of one file apart.
TOKEN_BYTES = 4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, of the same suffix; when the block ends well, that file becomes `path`.

    What was written is on the disk before the name changes. When the block raises, the temporary file is removed and
    `path` is as it was. An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(TOKEN_BYTES)}.partial{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
        flush_to_disk(path.parent)
    except EyespotError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files that killed writers of `path` left; call it only where no other is at work."""
    random = "[0-9a-f]" * (2 * TOKEN_BYTES)
    for found in path.parent.glob(f".{glob.escape(path.stem)}.{random}.partial{glob.escape(path.suffix)}"):
        found.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Return once the file, or the list of names in the folder, at `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class AppendOnlyFile:
    """The file at `path`, open and locked until it is closed. Up to `end`, in bytes, its content is good."""

    def __init__(self, path: Path, refusal: str) -> None:
        """Open or create it, and its folder. Raises OutputError with the message `refusal` if another process has it.

        Call `keep` before anything is appended to a file that has content.
        """
        self.path, self.end, self._made_folder = path, 0, not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(path, refusal)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def has_its_name(self) -> bool:
        """Whether `path` still names this file, so that what is appended is not lost."""
        return _is_at(self._file, self.path)

    def read(self) -> bytes:
        """Return the whole content."""
        self._file.seek(0)
        return self._file.readall()

    def keep(self, end: int) -> None:
        """Cut off what follows `end`; the next lines are appended there."""
        self._file.truncate(end)
        self._file.seek(end)
        self.end = end

    def append(self, lines: bytes, flush: bool) -> None:
        """Write `lines`, with `flush` to the disk. Raises OSError if it refuses them: then none of them remains."""
        rest = memoryview(lines)
        try:
            while rest:  # a disk that is nearly full takes a part without an error
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
        """Remove the file, and its folder if that was made for it; another file of that name is left alone."""
        if self.has_its_name:
            self.path.unlink()
            if self._made_folder:
                with suppress(OSError):  # another program has put something there
                    self.path.parent.rmdir()

    def close(self) -> None:
        """Close the file, which also unlocks it."""
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
        # The process that held the lock may have renamed or removed the file in between.
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
