"""Write rows as parquet, a group at a time, so that memory does not grow with them."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from edge.batch.row import Row

GROUP_ROWS = 10_000

# `path_bytes` is there for names that are no text: parquet's strings are UTF-8, so `path` then has \xNN for such bytes.
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("path_bytes", pa.binary()),
        pa.field("sha256", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("labels", pa.list_(pa.string())),
        pa.field("probabilities", pa.list_(pa.float32())),
        pa.field("unsure", pa.bool_()),
        pa.field("note", pa.string()),
        pa.field("error_code", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)


def write_parquet(path: Path, rows: Iterable[Row]) -> None:
    """Write `rows` to `path`. Raises OSError as the disk does."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for group in _groups(iter(rows)):
            writer.write_table(pa.Table.from_pylist([as_columns(row) for row in group], SCHEMA))


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while group := list(islice(rows, GROUP_ROWS)):
        yield group


def as_columns(row: Row) -> dict[str, Any]:
    """Return one row as the values of the columns."""
    answered, error, path = row.answer.classification, row.answer.error, row.answer.path
    encoded = os.fsencode(path)
    text = encoded.decode("utf-8", "backslashreplace")
    return {
        "path": text,
        "path_bytes": None if text == path else encoded,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "labels": [p.label for p in answered.predictions] if answered else None,
        "probabilities": [p.probability for p in answered.predictions] if answered else None,
        "unsure": answered.unsure if answered else None,
        "note": answered.note if answered else None,
        "error_code": error.code if error else None,
        "error_message": str(error) if error else None,
    }
