"""The ledger: a file of rows that only grows, survives a kill at any moment, and becomes the output when it is whole.

Beside the output `results.jsonl` of a run that is not over stand

- `results.jsonl.partial`: the rows so far, one line of JSON each; it is locked by the run that writes it;
- `results.jsonl.run`: what the run was told, so that it cannot be resumed as another (see `edge.batch.order`).

A row goes to the system at once, which keeps it if the process dies, and to the disk within a second, which keeps it
if the power fails. The second file is removed when all rows are there: a ledger with rows that stands alone is whole.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.append_only_file import AppendOnlyFile
from edge.atomic_file import flush_to_disk, remove_abandoned
from edge.batch.order import order_path
from edge.batch.row import Row, from_line, to_line
from edge.errors import OutputError, UsageError

SYNC_EVERY_S = 1.0


class Ledger:
    """The rows of one run on the disk, open and locked. Use it in a `with` statement."""

    def __init__(self, output: Path) -> None:
        """Open or create the ledger of `output`.

        Raises OutputError if another run holds it, UsageError if `output` is a folder.
        """
        if output.is_dir():
            raise UsageError(f"{output}: this is a folder; name a file in it")
        self.output = output
        self.path = partial_path(output)
        self.order_path = order_path(output)
        self._file = AppendOnlyFile(
            self.path, f"{output}: another run is writing it; wait for it, or choose another --output"
        )
        for written_whole in (self.output, self.order_path):
            remove_abandoned(written_whole)  # by a run that was killed: this one alone has the lock
        self.rows = 0
        self._synced_at = time.monotonic()
        self._dirty = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.has_rows and self._file.has_its_name:
            self.order_path.unlink(missing_ok=True)
            self._file.discard()
        self._file.close()  # which also unlocks it

    @property
    def has_rows(self) -> bool:
        """Whether an earlier run has left anything in it."""
        return self._file.size > 0

    def clear(self) -> None:
        """Throw all rows away."""
        self._file.keep(0)
        self.rows = 0

    def read(self) -> Iterator[Row]:
        """Yield the rows of a ledger that has all of them, and change nothing. Raises OutputError if it is damaged."""
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = from_line(line)
                except ValueError:
                    raise self._damaged(number) from None
                yield row

    def recover(self) -> Iterator[Row]:
        """Yield the rows that an interrupted run left; the ledger is ready for more once all of them were read.

        What a kill or a power failure leaves, half a line at the end or zeros in place of lines, is cut off with what
        stands behind it. Raises OutputError, and cuts nothing, for a line that was damaged otherwise.
        """
        self.rows = end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                try:
                    row = from_line(line)
                except ValueError:
                    if line.endswith(b"\n") and b"\0" not in line:
                        raise self._damaged(self.rows + 1) from None
                    break
                self.rows += 1
                end += len(line)
                yield row
        self._file.keep(end)

    def append(self, row: Row) -> None:
        """Write one row. Raises OutputError if the disk refuses it; the rows before it stay as they are."""
        try:
            self._file.append(to_line(row), flush=False)
        except OSError as error:
            raise self._refused(error) from None
        self.rows += 1
        self._dirty = True
        self.sync(SYNC_EVERY_S)

    def sync(self, age_s: float = 0.0) -> None:
        """Bring the rows to the disk, unless that was done less than `age_s` seconds ago. Raises OutputError."""
        now = time.monotonic()
        if self._dirty and now - self._synced_at >= age_s:
            try:
                self._file.flush()
            except OSError as error:
                raise self._refused(error) from None
            self._synced_at, self._dirty = now, False

    def become_output(self) -> None:
        """Give the ledger, now whole, the name of the output."""
        self.path.replace(self.output)
        flush_to_disk(self.output.parent)

    def remove(self) -> None:
        """Remove the ledger, whose rows the output now holds."""
        self.path.unlink()
        flush_to_disk(self.output.parent)

    def mark_whole(self) -> None:
        """Note that all rows are there: whoever resumes from here on has only the output to write."""
        self.sync()
        self.order_path.unlink(missing_ok=True)
        flush_to_disk(self.output.parent)

    def _damaged(self, number: int) -> OutputError:
        return OutputError(f"{self.path}: line {number:,} is damaged; restore the file, or --overwrite starts anew")

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.output}: {error.strerror} after {self.rows:,} rows, which are safe in {self.path.name}; "
            "make room and run the same command with --resume"
        )


def partial_path(output: Path) -> Path:
    """Return where the rows of the run for `output` stand until it is over."""
    return output.with_name(output.name + ".partial")


def require_new(ledger: Ledger) -> None:
    """Raise UsageError if the output, or rows of an earlier run for it, are there already."""
    if ledger.has_rows:
        raise UsageError(
            f"{ledger.path}: an interrupted run left rows here; --resume goes on with it, --overwrite starts anew"
        )
    if ledger.output.exists():
        raise UsageError(f"{ledger.output}: it is there already; --overwrite replaces it once all rows are computed")
