"""The labelled pictures as training reads them: `LABEL/000001.png` in a folder, each there as a whole or not at all.

A name, once given to a picture, is never given to another, so that whoever copies the folder along is not misled.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from edge.atomic_file import flush_to_disk

PARTIAL = ".partial"


class LabelFolder:
    """The class folders in `root`. Raises OSError, which names the file, where the disk refuses something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._last: dict[str, int] = {}

    def labels(self) -> list[str]:
        """Return the names of the class folders that are there."""
        return sorted(e.name for e in os.scandir(self.root) if e.is_dir() and not e.name.startswith("."))

    def take_name(self, label: str, suffix: str) -> str:
        """Return a name below `root` that no picture of this label has had."""
        number = max(self._last.get(label, 0), _highest(self.root / label)) + 1
        self._last[label] = number
        return f"{label}/{number:06}{suffix}"

    def keep_from(self, files: Iterable[str]) -> None:
        """Never give these names again."""
        for file in files:
            label, _, name = file.rpartition("/")
            self._last[label] = max(self._last.get(label, 0), _number(name))

    def stage(self, file: str, content: bytes) -> Path:
        """Bring `content` to the disk under a hidden name; `publish` gives it its own."""
        path = self.root / file
        staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.write_bytes(content)
            flush_to_disk(staged)
        except OSError as error:
            self.discard(staged)
            raise OSError(error.errno, error.strerror, str(path)) from None
        return staged

    def publish(self, staged: Path, file: str) -> None:
        """Give what was staged the name `file`."""
        staged.replace(self.root / file)
        flush_to_disk(staged.parent)
        flush_to_disk(self.root)

    def discard(self, staged: Path) -> None:
        """Remove what was staged, and its folder if nothing else is in it."""
        with contextlib.suppress(OSError):  # what is left is hidden, and swept up the next time
            staged.unlink(missing_ok=True)
        _remove_empty(staged.parent)

    def remove(self, file: str) -> None:
        """Remove a picture, and its folder if it was the last: a class without pictures cannot be trained."""
        path = self.root / file
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)

    def sweep(self) -> None:
        """Remove what a process that was killed had staged."""
        for partial in self.root.glob(f"*/.*{PARTIAL}"):
            self.discard(partial)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty, or not there
        folder.rmdir()


def _highest(folder: Path) -> int:
    try:
        return max((_number(entry.name) for entry in os.scandir(folder)), default=0)
    except FileNotFoundError:
        return 0


def _number(name: str) -> int:
    found = re.match(r"(\d{1,18})\.", name)
    return int(found[1]) if found else 0
