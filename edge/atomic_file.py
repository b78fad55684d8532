"""Write a file, or a folder, so that its name holds all of it or nothing.

It exists because a model, a run or a result that is half there looks whole to the next program.
"""

import glob
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import EyespotError

# What keeps two writers of one name apart.
TOKEN_BYTES = 4
PARTIAL = re.compile(rf"\..+\.[0-9a-f]{{{2 * TOKEN_BYTES}}}\.partial(\.[^.]+)?")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, that file becomes `path`.

    What was written is on the disk before the name changes. When the block raises, the temporary file is
    removed and `path` is as it was. The suffix is kept, since some writers choose their format by it. An
    OSError names `path`, which a full disk by itself does not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with _naming(path):
            temporary.touch(exist_ok=False)
            yield temporary
            flush_to_disk(temporary)
            temporary.replace(path)
            flush_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def creating_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, it becomes `path`, with all files on the disk.

    When the block raises, the temporary folder is removed. Nothing but an empty folder is ever replaced: an
    OSError, which names `path`, says that it exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(TOKEN_BYTES)}.partial")
    try:
        with _naming(path):
            temporary.mkdir()
            yield temporary
            for inner in sorted(temporary.rglob("*")):
                flush_to_disk(inner)
            flush_to_disk(temporary)
            temporary.rename(path)
            flush_to_disk(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_beside(path: Path) -> Path:
    """Return a hidden name beside `path`, of the same suffix, which no other writer takes; `is_partial` knows it."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(TOKEN_BYTES)}.partial{path.suffix}")


def is_partial(path: Path) -> bool:
    """Whether `path` has the name of a file, or a folder, that its writer has not finished."""
    return PARTIAL.fullmatch(path.name) is not None


def remove_abandoned(path: Path) -> None:
    """Remove what writers of `path` left beside it that were killed; only for who knows that no other is at work."""
    random = "[0-9a-f]" * (2 * TOKEN_BYTES)
    for found in path.parent.glob(f".{glob.escape(path.stem)}.{random}.partial{glob.escape(path.suffix)}"):
        found.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make the system's OSErrors name `path` and not what it is called meanwhile; ours say what they are about."""
    try:
        yield
    except EyespotError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def flush_to_disk(path: Path) -> None:
    """Return once the file, or the list of names in the folder, at `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
