"""The journal of an annotation: a line of JSON for each answer, on the disk before anybody hears of it.

The first line says what was asked for; from then on it only grows. The last line of an item holds. A line that undoes
another says which, and what holds again. A line that was being written when the machine stopped is cut off; any other
that cannot be read ends the reading, since an answer must not get lost in silence.
"""

import contextlib
import errno
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edge.append_only_file import AppendOnlyFile
from edge.atomic_file import flush_to_disk
from edge.errors import OutputError, UsageError
from edge.regions.region import Box
from edge.strict_json import decode, encode
from training.annotate.survey import item_key

NAME = "annotations.jsonl"
FORMAT = 1
PICTURE_NAME = re.compile(r"\d{6,18}\.[a-z]{3,5}", re.ASCII)


@dataclass(frozen=True)
class Header:
    """The first line: the format of the others, and the regions that were asked about (`none`, `glyphs:4`, ...)."""

    format: int
    regions: str


@dataclass(frozen=True)
class Entry:
    """One answer, number `number` from 1, about the item in `box` of a picture, None for the whole of it.

    `label` and `file`, which it was written to below the journal's folder, are None unless `state` is labelled.
    `undoes` is the number of the entry that this one takes back. `at` is UTC in ISO 8601.
    """

    number: int
    picture: str
    sha256: str
    box: Box | None
    state: Literal["labelled", "ignored", "open"]
    label: str | None
    file: str | None
    undoes: int | None
    at: str

    def __post_init__(self) -> None:
        if (self.state == "labelled") != (self.label is not None and self.file is not None):
            raise ValueError("what is labelled, and nothing else, has a label and a file")
        # A journal may come from somebody else; what it names is removed when it is undone.
        folder, _, name = (self.file or "").partition("/")
        proper = folder and not folder.startswith(".") and PICTURE_NAME.fullmatch(name)
        if self.file is not None and not (proper and folder == self.label):
            raise ValueError(f"a file must be LABEL/NUMBER.SUFFIX. Received: {self.file!r}")

    @property
    def key(self) -> str:
        """The key of the item; see `Item.key`."""
        return item_key(self.sha256, self.box)


class Journal:
    """The journal in a folder, open and locked. Use it in a `with` statement."""

    def __init__(self, folder: Path, regions: str) -> None:
        """Open or create it and read what is there into `entries`.

        Raises OutputError if another process holds it or a line is damaged, UsageError if it is about other regions.
        """
        self._made_folder = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self._file = AppendOnlyFile(
            self.path, f"{folder}: another 'eyespot annotate' is writing it; end that, or choose another --output"
        )
        self.entries: list[Entry] = []
        self.torn = False
        try:
            self._read(regions)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.entries and self._file.has_its_name:
            self.path.unlink()  # nothing came of it
            if self._made_folder:
                with contextlib.suppress(OSError):  # somebody has put something there
                    self.path.parent.rmdir()
        self._file.close()  # which also unlocks it

    def append(self, *entries: Entry) -> None:
        """Bring all of `entries`, or none, to the disk. Raises OSError if it refuses them."""
        if not self._file.has_its_name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        self._file.append(b"".join(_to_line(entry) for entry in entries), flush=True)
        self.entries.extend(entries)

    def _read(self, regions: str) -> None:
        end = 0
        for number, line in enumerate(self._file.read().splitlines(keepends=True)):
            if not line.endswith(b"\n"):  # lines are written with their end, so this is the last and was cut off
                if not number and not _to_line(Header(FORMAT, regions)).startswith(line):
                    raise OutputError(f"{self.path}: it is no journal of eyespot's; choose another --output")
                self.torn = True
                break
            try:
                self._take(number, json.loads(line), regions)
            except UsageError:
                raise
            except ValueError as error:
                raise OutputError(
                    f"{self.path}: line {number + 1} is damaged ({error}); mend it, or remove it and label anew"
                ) from None
            end += len(line)
        self._file.keep(end)
        if not end:
            self._file.append(_to_line(Header(FORMAT, regions)), flush=True)
            flush_to_disk(self.path.parent)

    def _take(self, number: int, value: object, regions: str) -> None:
        if number:
            entry = decode(Entry, value, "entry")
            if entry.number != number:
                raise ValueError(f"entry {number} is missing")
            return self.entries.append(entry)
        header = decode(Header, value, "header")
        if header.format != FORMAT:
            raise UsageError(f"{self.path}: it has format {header.format}, this eyespot reads {FORMAT}; upgrade it")
        if header.regions != regions:
            raise UsageError(
                f"{self.path}: it was begun with --regions {header.regions}. Received: {regions}; "
                "go on with the same, or choose another --output"
            )
        return None


def _to_line(line: Header | Entry) -> bytes:
    return json.dumps(encode(line)).encode("ascii") + b"\n"
