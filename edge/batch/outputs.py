"""The formats of the output. JSON lines are the journal itself; CSV and parquet are written from it at the end."""

import csv
import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from edge.batch.journal import Journal
from edge.batch.rows import Row
from edge.errors import UsageError

JSON_LINES, CSV, PARQUET = ".jsonl", ".csv", ".parquet"
GROUP_ROWS = 10_000  # of parquet that are in memory at once
# The columns of a table, in order, and the kind of their cells.
INPUT = {"path": "string", "path_bytes": "binary", "sha256": "string", "size_bytes": "int64"}
PREDICTION = {"label": "string", "probability": "float64"}
REGIONS = {"text": "string", "regions": "regions"}
OUTCOME = {"unsure": "bool", "note": "string", "error_code": "string", "error_message": "string"}


def require_format(output: Path) -> None:
    """Raise UsageError if the suffix of `output` names no format, ModuleNotFoundError if its package is missing."""
    if output.suffix not in (JSON_LINES, CSV, PARQUET):
        raise UsageError(f"--output must end in {JSON_LINES}, {CSV} or {PARQUET}. Received: {output}")
    if output.suffix == PARQUET:
        import pyarrow.parquet  # noqa: F401 # now, not after the night


def write_output(journal: Journal) -> None:
    """Make the output of a journal that has all rows. Raises OutputError if the disk refuses it; the journal stays."""
    # Regions, their number being open, are one column; of predictions there are `top_k`.
    pairs = {f"{name}_{i + 1}": kind for i in range(journal.config.top_k) for name, kind in PREDICTION.items()}
    columns = INPUT | (REGIONS if journal.config.regions else pairs) | OUTCOME
    writers = {CSV: partial(write_csv, columns=columns), PARQUET: partial(write_parquet, columns=columns)}
    journal.become_output(writers.get(journal.output.suffix))


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
