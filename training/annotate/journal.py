"""The journal of an annotation: a line of JSON for each answer, on the disk before anybody hears of it.

The first line says what was asked for; from then on it only grows. The last line of an item holds. A line that undoes
another says which, and what holds again. A line that was being written when the machine stopped is cut off; any other
that cannot be read ends the reading, since an answer must not get lost in silence.
"""

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, flush_to_disk
from edge.result import Box
from training.annotate.survey import item_key
from training.numbered_name import NUMBERED_NAME

NAME = "annotations.jsonl"
FORMAT = 1
# What is said of `Header.digits`.
GLYPHS = {True: "digits alone", False: "any glyphs"}


@dataclass(frozen=True)
class Header:
    """The first line: the format of the others, and all that decides where the boxes are.

    `regions` are those that were asked about (`none`, `glyphs:4`, ...). `digits` says whether all glyphs are, None
    where that makes no difference, and in journals from before it was written down.
    """

    format: int
    regions: str
    digits: bool | None = None


@dataclass(frozen=True)
class Entry:
    """One answer, number `number` from 1, about the item in `box` of a picture, None for the whole of it.

    `label` and `file`, which it was written to below the journal's folder, are None unless `state` is labelled.
    `undoes` is the number of the entry that this one takes back. `at` is UTC in ISO 8601. `act` is the number of the
    first of several entries that one key press wrote, and which are taken back by one.
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
    act: int | None = None

    def __post_init__(self) -> None:
        if (self.state == "labelled") != (self.label is not None and self.file is not None):
            raise ValueError("what is labelled, and nothing else, has a label and a file")
        # A journal may come from somebody else; what it names is removed when it is undone.
        folder, _, name = (self.file or "").partition("/")
        proper = folder and not folder.startswith(".") and NUMBERED_NAME.fullmatch(name)
        if self.file is not None and not (proper and folder == self.label):
            raise ValueError(f"a file must be LABEL/NUMBER.SUFFIX. Received: {self.file!r}")

    @property
    def key(self) -> str:
        """The key of the item; see `Item.key`."""
        return item_key(self.sha256, self.box)


class Journal:
    """The journal in a folder, open and locked. Use it in a `with` statement."""

    def __init__(self, folder: Path, regions: str, digits: bool | None = None) -> None:
        """Open or create it and read what is there into `entries`; for `regions` and `digits` see `Header`.

        Raises OutputError if another process holds it or a line is damaged, UsageError if it is about other regions.
        """
        self.path = folder / NAME
        self._file = AppendOnlyFile(
            self.path, f"{folder}: another 'eyespot annotate' is writing it; end that, or choose another --output"
        )
        self.entries: list[Entry] = []
        self.torn = False
        try:
            self._read(Header(FORMAT, regions, digits))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.entries:
            self._file.discard()
        self._file.close()  # which also unlocks it

    def append(self, *entries: Entry) -> None:
        """Bring `entries` to the disk. Raises OSError if it refuses them: then none of them is there.

        Where the machine stops meanwhile, the first of them may be there without the others.
        """
        if not self._file.has_its_name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        self._file.append(
            b"".join(json.dumps(msgspec.to_builtins(entry)).encode() + b"\n" for entry in entries), flush=True
        )
        self.entries.extend(entries)

    def _read(self, asked: Header) -> None:
        lines, torn = self._file.read_lines()
        if not lines and not (json.dumps(msgspec.to_builtins(asked)).encode() + b"\n").startswith(torn):
            raise OutputError(f"{self.path}: it is no journal of eyespot's; choose another --output")
        self.torn = bool(lines and torn)
        for number, line in enumerate(lines):
            try:
                self._take(number, line, asked)
            except UsageError:
                raise
            except ValueError as error:
                raise OutputError(
                    f"{self.path}: line {number + 1} is damaged ({error}); mend it, or remove it and label anew"
                ) from None
        self._file.keep(self._file.size - len(torn))
        if not lines:
            self._file.append((json.dumps(msgspec.to_builtins(asked)).encode() + b"\n"), flush=True)
            flush_to_disk(self.path.parent)

    def _take(self, number: int, line: bytes, asked: Header) -> None:
        if number == 0:
            return self._require_same(msgspec.json.decode(line, type=Header), asked)
        entry = msgspec.json.decode(line, type=Entry)
        if entry.number != number:
            raise ValueError(f"entry {number} is missing")
        return self.entries.append(entry)

    def _require_same(self, begun: Header, asked: Header) -> None:
        """Raise UsageError where other boxes would be asked about than those that were answered."""
        if begun.format != FORMAT:
            raise UsageError(f"{self.path}: it has format {begun.format}, this eyespot reads {FORMAT}; upgrade it")
        if begun.regions != asked.regions:
            raise UsageError(
                f"{self.path}: it was begun with --regions {begun.regions}. Received: {asked.regions}; "
                "go on with the same, or choose another --output"
            )
        if begun.digits is not None and asked.digits is not None and begun.digits != asked.digits:
            raise UsageError(
                f"{self.path}: it was begun with --labels for {GLYPHS[begun.digits]}, by which touching ones are cut. "
                f"Received: {GLYPHS[asked.digits]}; go on with the same, or choose another --output"
            )
