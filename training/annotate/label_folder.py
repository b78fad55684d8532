"""The labelled pictures as training reads them: `LABEL/000001.png` in a folder, each there as a whole or not at all.

A name, once given to a picture, is never given to another, so that whoever copies the folder along is not misled.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from edge.files import flush_to_disk, is_partial, temporary_beside
from training.numbered_name import number_of, numbered_name


class LabelFolder:
    """The class folders in `root`. Raises OSError, which names the file, where the disk refuses something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._last: dict[str, int] = {}
        self._looked_through: set[str] = set()

    def labels(self) -> list[str]:
        """Return the names of the class folders that are there."""
        return sorted(e.name for e in os.scandir(self.root) if e.is_dir() and not e.name.startswith("."))

    def take_name(self, label: str, suffix: str) -> str:
        """Return a name below `root` that no picture of this label has had."""
        if label not in self._looked_through:  # once: in the end a class has as many names as there are answers
            self._looked_through.add(label)
            self.keep_from(f"{label}/{name}" for name in _names(self.root / label))
        number = self._last.get(label, 0) + 1
        while (self.root / label / numbered_name(number, suffix)).exists():  # somebody else has put it there meanwhile
            number += 1
        self._last[label] = number
        return f"{label}/{numbered_name(number, suffix)}"

    def keep_from(self, files: Iterable[str]) -> None:
        """Never give these names again."""
        for file in files:
            label, _, name = file.rpartition("/")
            self._last[label] = max(self._last.get(label, 0), number_of(name))

    def stage(self, file: str, content: bytes) -> Path:
        """Bring `content` to the disk under a hidden name; `publish` gives it its own."""
        path = self.root / file
        staged = temporary_beside(path)
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
        for path in self.root.glob("*/.*"):
            if is_partial(path):
                self.discard(path)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty, or not there
        folder.rmdir()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
