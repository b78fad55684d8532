"""The journal: a file of rows that only grows, survives a kill at any moment, and becomes the output when complete.

During a run there are beside the output `r.csv`: `r.csv.partial`, the rows so far, locked by the run, and `r.csv.run`,
its config. A row goes to the system at once, so that it survives a kill, and to the disk within a second, so that it
survives a power failure.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from edge.batch.rows import RUN_FORMAT, Row, RunConfig, decode_row, encode_row
from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile, flush_to_disk, remove_abandoned, replacing

SYNC_EVERY_S = 1.0
JSON_LINES, CSV, PARQUET = ".jsonl", ".csv", ".parquet"
GROUP_ROWS = 10_000  # of parquet that are in memory at once
# The columns of a table, in order, and the type of their cells.
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
            remove_abandoned(replaced)  # this run alone has the lock
        # An earlier run computed all rows, and only its output is missing.
        self.is_complete = self._file.size > 0 and not self.config_path.exists()
        self._synced_s, self._is_dirty = time.monotonic(), False

    def __exit__(self, *_: object) -> None:
        if not self._file.size and self._file.has_its_name:
            self.config_path.unlink(missing_ok=True)
            self._file.discard()
        self._file.close()

    def begin(self, *, overwrite: bool) -> None:
        """Begin anew. Raises UsageError if rows or the output exist, except to `overwrite` them."""
        if self._file.size and not overwrite:
            raise UsageError(f"{self.path}: rows of an interrupted run; --resume goes on, --overwrite starts anew")
        if self.output.exists() and not overwrite:
            raise UsageError(f"{self.output}: it exists already; --overwrite replaces it once all rows are computed")
        self._file.keep(0)
        with replacing(self.config_path) as temporary:
            temporary.write_text(json.dumps(msgspec.to_builtins(self.config), indent=2) + "\n", encoding="ascii")

    def require_same_config(self) -> float:
        """Return when the interrupted run began, in seconds since 1970. Raises UsageError if its rows differ."""
        path = self.config_path
        try:
            fields = json.loads(path.read_bytes())
            if fields.get("format") != RUN_FORMAT:
                raise ValueError("another version of eyespot wrote it")
            before = msgspec.convert(fields, RunConfig)
        except (ValueError, AttributeError, RecursionError) as error:
            raise UsageError(f"{path}: no run can be resumed from it ({error}); --overwrite starts anew") from None
        for name in RunConfig.__struct_fields__:
            was, is_now = getattr(before, name), getattr(self.config, name)
            if was != is_now and name != "started_s":
                remedy = "repeat the former command, or --overwrite to start anew"
                raise UsageError(f"{path}: the rows so far are made with {name} {was!a}, not {is_now!a}; {remedy}")
        return before.started_s

    def read(self, *, recover: bool = False) -> Iterator[Row]:
        """Yield the rows. Raises OutputError for a damaged line.

        With `recover` half a line at the end, or the zeros that a power failure leaves, are cut off; after that rows
        can be appended.
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
        """Turn an OSError of the block, which writes `path`, into an OutputError that says how to go on."""
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
        """Bring the rows to the disk, if the last time was `age_s` seconds ago. Raises OutputError."""
        now = time.monotonic()
        if self._is_dirty and now - self._synced_s >= age_s:
            with self.keeping_rows(self.output):
                self._file.flush()
            self._synced_s, self._is_dirty = now, False

    def write_output(self) -> None:
        """Become the output, or write it in another format and remove the journal. Raises OutputError."""
        self.sync()
        self.config_path.unlink(missing_ok=True)
        flush_to_disk(self.output.parent)
        if self.output.suffix == JSON_LINES:
            self.path.replace(self.output)
        else:
            # Any number of regions is one column; of predictions there are `top_k`.
            pairs = {f"{name}_{i + 1}": kind for i in range(self.config.top_k) for name, kind in PREDICTION.items()}
            columns = INPUT | (REGIONS if self.config.regions else pairs) | OUTCOME
            write = write_parquet if self.output.suffix == PARQUET else write_csv
            with self.keeping_rows(self.output), replacing(self.output) as temporary:
                write(temporary, map(cells_of, self.read()), columns)
            self.path.unlink()
        flush_to_disk(self.output.parent)


def cells_of(row: Row) -> dict[str, Any]:
    r"""Return the columns of a row; where `path` has \xNN for what is not UTF-8, `path_bytes` has the name."""
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


def write_csv(path: Path, rows: Iterator[dict[str, Any]], columns: dict[str, str]) -> None:
    """Write `rows` as in RFC 4180, in UTF-8: bytes in hexadecimal, regions as JSON."""
    as_text: dict[str, Callable[[Any], str]] = {"binary": bytes.hex, "regions": json.dumps, "bool": json.dumps}
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for cells in rows:
            for name, kind in columns.items():
                if kind in as_text and cells.get(name) is not None:
                    cells[name] = as_text[kind](cells[name])
            writer.writerow(map(cells.get, columns))


def write_parquet(path: Path, rows: Iterator[dict[str, Any]], columns: dict[str, str]) -> None:
    """Write `rows` as parquet, a group at a time, so that memory does not grow with them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    box = pa.struct([(name, pa.int32()) for name in ("x", "y", "width", "height")])
    predictions = pa.list_(pa.struct([(name, pa.type_for_alias(kind)) for name, kind in PREDICTION.items()]))
    regions = pa.list_(pa.struct([("box", box), ("predictions", predictions), ("unsure", pa.bool_())]))
    types = [(name, regions if kind == "regions" else pa.type_for_alias(kind)) for name, kind in columns.items()]
    schema = pa.schema(types)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, GROUP_ROWS)):
            writer.write_table(pa.Table.from_pylist(group, schema))
