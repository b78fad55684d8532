"""The journal: a file of rows that only grows, survives a kill at any moment, and becomes the output when it is whole.

Beside the output `r.csv` of a run that is not over are `r.csv.partial`, the rows so far, locked by the run that writes
it, and `r.csv.run`, its config. A row goes to the system at once, which keeps it if the process dies, and to the disk
within a second, which keeps it if the power fails.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from edge.batch.rows import Row, RunConfig, decode_row, encode_row
from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, flush_to_disk, remove_abandoned, replacing

SYNC_EVERY_S = 1.0
JSON_LINES, CSV, PARQUET = ".jsonl", ".csv", ".parquet"
GROUP_ROWS = 10_000  # of parquet that are in memory at once
# The columns of a table, in order, and the kind of their cells.
INPUT = {"path": "string", "path_bytes": "binary", "sha256": "string", "size_bytes": "int64"}
PREDICTION = {"label": "string", "probability": "float64"}
REGIONS = {"text": "string", "regions": "regions"}
OUTCOME = {"unsure": "bool", "note": "string", "error_code": "string", "error_message": "string"}


class Journal(AbstractContextManager["Journal"]):
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
        # An earlier run got as far as having all rows, and only its output is missing.
        self.is_whole = self._file.size > 0 and not self.config_path.exists()
        self._synced_s, self._is_dirty = time.monotonic(), False

    def __exit__(self, *_: object) -> None:
        if not self._file.size and self._file.has_its_name:
            self.config_path.unlink(missing_ok=True)
            self._file.discard()
        self._file.close()  # which also unlocks it

    def begin(self, *, overwrite: bool) -> None:
        """Begin anew. Raises UsageError if rows or the output are there, unless told to `overwrite`."""
        if self._file.size and not overwrite:
            raise UsageError(f"{self.path}: rows of an interrupted run; --resume goes on, --overwrite starts anew")
        if self.output.exists() and not overwrite:
            raise UsageError(f"{self.output}: it is there already; --overwrite replaces it once all rows are computed")
        self._file.keep(0)
        self.config.write(self.config_path)

    def read(self, *, recover: bool = False) -> Iterator[Row]:
        """Yield the rows. Raises OutputError for a damaged line.

        To `recover` half a line at the end, or zeros as a power failure leaves them, is cut off, with all behind; then
        the journal is ready for more.
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

    def write_output(self) -> None:
        """Become the output, or write it in another format and leave: all rows are there. Raises OutputError."""
        self.sync()
        self.config_path.unlink(missing_ok=True)
        flush_to_disk(self.output.parent)
        if self.output.suffix == JSON_LINES:
            self.path.replace(self.output)
        else:
            # Regions, their number being open, are one column; of predictions there are `top_k`.
            pairs = {f"{name}_{i + 1}": kind for i in range(self.config.top_k) for name, kind in PREDICTION.items()}
            columns = INPUT | (REGIONS if self.config.regions else pairs) | OUTCOME
            write = write_parquet if self.output.suffix == PARQUET else write_csv
            with self.keeping_rows(self.output), replacing(self.output) as temporary:
                write(temporary, self.read(), columns)
            self.path.unlink()
        flush_to_disk(self.output.parent)


def require_format(output: Path) -> None:
    """Raise UsageError if the suffix of `output` names no format, ModuleNotFoundError if its package is missing."""
    if output.suffix not in (JSON_LINES, CSV, PARQUET):
        raise UsageError(f"--output must end in {JSON_LINES}, {CSV} or {PARQUET}. Received: {output}")
    if output.suffix == PARQUET:
        import pyarrow.parquet  # noqa: F401 # now, not after the night


def cells_of(row: Row) -> dict[str, Any]:
    r"""Return what a row has in its columns; where `path` has \xNN for what is no UTF-8, `path_bytes` has the name."""
    encoded = os.fsencode(row.path)
    path = encoded.decode("utf-8", "backslashreplace")
    cells: dict[str, Any] = {"path": path, "path_bytes": None if path == row.path else encoded}
    cells |= {"sha256": row.sha256, "size_bytes": row.size_bytes}
    if row.error:
        cells |= {"error_code": row.error.code, "error_message": str(row.error)}
    if found := row.classification:
        for i, prediction in enumerate(found.predictions, 1):
            cells |= {f"label_{i}": prediction.label, f"probability_{i}": prediction.probability}
        cells |= {"text": found.text, "regions": msgspec.to_builtins(found.regions)}
        cells |= {"unsure": found.unsure, "note": found.note}
    return cells


def write_csv(path: Path, rows: Iterable[Row], columns: dict[str, str]) -> None:
    """Write `rows` as RFC 4180 has it, in UTF-8: bytes in hexadecimal, regions as in a row of JSON lines."""
    as_text: dict[str, Callable[[Any], str]] = {"binary": bytes.hex, "regions": json.dumps, "bool": json.dumps}
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            cells = cells_of(row)
            for name, kind in columns.items():
                if kind in as_text and cells.get(name) is not None:
                    cells[name] = as_text[kind](cells[name])
            writer.writerow(map(cells.get, columns))


def write_parquet(path: Path, rows: Iterable[Row], columns: dict[str, str]) -> None:
    """Write `rows` as parquet, a group at a time, so that memory does not grow with them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    box = pa.struct([(name, pa.int32()) for name in ("x", "y", "width", "height")])
    predictions = pa.list_(pa.struct([(name, pa.type_for_alias(kind)) for name, kind in PREDICTION.items()]))
    regions = pa.list_(pa.struct([("box", box), ("predictions", predictions), ("unsure", pa.bool_())]))
    types = [(name, regions if kind == "regions" else pa.type_for_alias(kind)) for name, kind in columns.items()]
    schema, remaining = pa.schema(types), iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := [cells_of(row) for row in islice(remaining, GROUP_ROWS)]:
            writer.write_table(pa.Table.from_pylist(group, schema))
