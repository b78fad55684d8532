"""The journal: a file of rows that only grows, survives a kill at any moment, and becomes the output when it is whole.

Beside the output `results.jsonl` of a run that is not over are `results.jsonl.partial`, the rows so far, locked by the
run that writes it, and `results.jsonl.run`, its config. A row goes to the system at once, which keeps it if the process
dies, and to the disk within a second, which keeps it if the power fails. The config is removed when all rows are there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from edge.batch.rows import Row, RunConfig, decode_row, encode_row
from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, flush_to_disk, remove_abandoned, replacing

SYNC_EVERY_S = 1.0


class Journal:
    """The rows of one run on the disk, open and locked. Use it in a `with` statement."""

    def __init__(self, output: Path, config: RunConfig) -> None:
        """Open or create it. Raises OutputError if another run holds it, UsageError if `output` is a folder."""
        if output.is_dir():
            raise UsageError(f"{output}: this is a folder; name a file in it")
        self.output, self.config = output, config
        self.path, self.config_path = (output.with_name(output.name + ending) for ending in (".partial", ".run"))
        refusal = f"{output}: another run is writing it; wait for it, or choose another --output"
        self._file = AppendOnlyFile(self.path, refusal)
        for replaced in (self.output, self.config_path):
            remove_abandoned(replaced)  # by a run that was killed: this one alone has the lock
        self._synced_s, self._is_dirty = time.monotonic(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.size and self._file.has_its_name:
            self.config_path.unlink(missing_ok=True)
            self._file.discard()
        self._file.close()  # which also unlocks it

    @property
    def is_whole(self) -> bool:
        """Whether an earlier run got as far as having all rows, and only its output is missing."""
        return self._file.size > 0 and not self.config_path.exists()

    def begin(self, *, overwrite: bool) -> None:
        """Begin anew. Raises UsageError if rows or the output are there, unless told to `overwrite`."""
        if self._file.size and not overwrite:
            raise UsageError(f"{self.path}: rows of an interrupted run; --resume goes on, --overwrite starts anew")
        if self.output.exists() and not overwrite:
            raise UsageError(f"{self.output}: it is there already; --overwrite replaces it once all rows are computed")
        self._file.keep(0)
        self.config.write(self.config_path)

    def read(self, *, recover: bool = False) -> Iterator[Row]:
        """Yield the rows. Raises OutputError for a line that is damaged.

        To `recover` what an interrupted run left, half a line at the end, or zeros in place of lines as a power failure
        leaves them, are cut off with all behind; the journal is ready for more once all rows were read.
        """
        end = 0
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = decode_row(line)
                except ValueError:
                    if recover and (b"\0" in line or not line.endswith(b"\n")):
                        break
                    remedy = "restore the file, or --overwrite starts anew"
                    raise OutputError(f"{self.path}: line {number:,} is damaged; {remedy}") from None
                end += len(line)
                yield row
        if recover:
            self._file.keep(end)

    @contextmanager
    def keeping_rows(self, path: Path) -> Iterator[None]:
        """Raise OutputError, which says how to go on, where the disk refuses in the block what is to go to `path`."""
        try:
            yield
        except OutputError:
            raise
        except OSError as error:
            safe = f"all rows so far are safe in {self.path.name}; make room and run the same command with --resume"
            raise OutputError(f"{path}: {error.strerror or error}; {safe}") from None

    def append(self, row: Row) -> None:
        """Write one row. Raises OutputError if the disk refuses it; the rows before it stay as they are."""
        with self.keeping_rows(self.output):
            self._file.append(encode_row(row), flush=False)
        self._is_dirty = True
        self.sync(SYNC_EVERY_S)

    def sync(self, age_s: float = 0.0) -> None:
        """Bring the rows to the disk, unless that was done less than `age_s` seconds ago. Raises OutputError."""
        now = time.monotonic()
        if self._is_dirty and now - self._synced_s >= age_s:
            with self.keeping_rows(self.output):
                self._file.flush()
            self._synced_s, self._is_dirty = now, False

    def become_output(self, write: Callable[[Path, Iterator[Row]], object] | None) -> None:
        """Take the name of the output, or `write` it in another format, whole or not at all, and leave.

        All rows are there: whoever resumes from here on has only the output to write. Raises OutputError.
        """
        self.sync()
        self.config_path.unlink(missing_ok=True)
        flush_to_disk(self.output.parent)
        if write is None:
            self.path.replace(self.output)
        else:
            with self.keeping_rows(self.output), replacing(self.output) as temporary:
                write(temporary, self.read())
            self.path.unlink()
        flush_to_disk(self.output.parent)
