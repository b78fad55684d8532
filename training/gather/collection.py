"""The folder of gathered pictures and its manifest: one line of JSON for each file, written once the file is whole.

A kill at any moment leaves at most one file that is whole and not in the manifest, half a line at its end, or a
temporary file. The next start takes in the first, cuts off the second and removes the third. One process at a time
writes a folder. A picture of known content is not kept twice, even if its file was deleted meanwhile.
"""

import hashlib
import json
import time
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, is_partial, replacing
from edge.image import read_header
from training.gather.record import Record
from training.numbered_name import NUMBERED_NAME, number_of, numbered_name
from training.utc_text import utc_text

MANIFEST = "manifest.jsonl"
# What the first line begins with, and all that may be there when it was cut off.
FIRST_BYTES = b'{"file": "'
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif"}


class Collection:
    """The pictures of one address in `folder`, open and locked. Use it in a `with` statement."""

    def __init__(self, folder: Path, url: str) -> None:
        """Open or create it.

        Raises UsageError for a folder of something else, OutputError if another run has it or its manifest is damaged.
        """
        self.folder, self.url = folder, url
        manifest = folder / MANIFEST
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is no folder; --output must name one")
        if folder.is_dir() and not manifest.is_file() and any(folder.iterdir()):
            raise UsageError(f"{folder} exists already and has no {MANIFEST}; choose another --output")
        self._file = AppendOnlyFile(manifest, f"{folder}: another run is writing it; wait for it")
        try:
            records = self._read()
            self._known = {record.sha256 for record in records}
            self._last = max((number_of(record.file) for record in records), default=0)
            self._kept = sum((folder / record.file).is_file() for record in records)
            self._mend({record.file for record in records})
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._known:
            self._file.discard()
        self._file.close()  # which also unlocks it

    def __len__(self) -> int:
        """Return how many pictures are there."""
        return self._kept

    def add(self, content: bytes, url: str) -> bool:
        """Keep an encoded picture that came from `url`, and say whether it was new.

        Once this returns, picture and line are on the disk. Raises OutputError if they cannot be.
        """
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._known:
            return False
        kind = read_header(BytesIO(content)).format
        name = numbered_name(self._last + 1, f".{SUFFIXES.get(kind, kind.lower())}")
        try:
            with replacing(self.folder / name) as temporary:
                temporary.write_bytes(content)
            self._append(Record(name, digest, url, utc_text(time.time()), len(content), self.url))
        except OSError as error:
            raise OutputError(
                f"{self.folder}: {error.strerror}; {len(self):,} pictures are safe, make room and give the same "
                "command again"
            ) from None
        return True

    def _read(self) -> list[Record]:
        """Return the records; half a line at the end is cut off."""
        lines, torn = self._file.read_lines()
        if not lines and not torn.startswith(FIRST_BYTES[: len(torn)]):
            raise OutputError(f"{self._file.path}: it is no manifest of eyespot's; choose another --output")
        records = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(msgspec.json.decode(line, type=Record))
            except ValueError as error:
                raise OutputError(
                    f"{self._file.path}: line {number} is damaged ({error}); mend it, or choose another --output"
                ) from None
        for source in {record.source for record in records} - {self.url}:
            raise UsageError(f"{self.folder} holds pictures of {source}; choose another --output")
        self._file.keep(self._file.size - len(torn))
        return records

    def _mend(self, known: set[str]) -> None:
        """Take in the picture that was written just before a kill, and remove what was not written to its end."""
        for path in sorted(self.folder.iterdir()):
            if is_partial(path):
                path.unlink()
            elif NUMBERED_NAME.fullmatch(path.name) and path.name not in known and number_of(path.name) > self._last:
                content = path.read_bytes()
                digest, written = hashlib.sha256(content).hexdigest(), utc_text(path.stat().st_mtime)
                self._append(Record(path.name, digest, self.url, written, len(content), self.url))

    def _append(self, record: Record) -> None:
        self._file.append((json.dumps(msgspec.to_builtins(record)).encode() + b"\n"), flush=True)
        self._known.add(record.sha256)
        self._last = number_of(record.file)
        self._kept += 1
