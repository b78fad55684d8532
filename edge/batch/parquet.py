"""Write rows as parquet, a group at a time, so that memory does not grow with them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from edge.batch.row import Row
from edge.classification import Classification, Prediction
from edge.regions.region import Region

GROUP_ROWS = 10_000

# `path_bytes` is there for names that are no text: parquet's strings are UTF-8, so `path` then has \xNN for such bytes.
INPUT = [
    pa.field("path", pa.string(), nullable=False),
    pa.field("path_bytes", pa.binary()),
    pa.field("sha256", pa.string()),
    pa.field("size_bytes", pa.int64()),
]
PREDICTIONS = [pa.field("labels", pa.list_(pa.string())), pa.field("probabilities", pa.list_(pa.float32()))]
BOX = pa.struct([pa.field(name, pa.int32()) for name in ("x", "y", "width", "height")])
REGION = pa.struct([pa.field("box", BOX), *PREDICTIONS, pa.field("unsure", pa.bool_())])
REGIONS = [pa.field("text", pa.string()), pa.field("regions", pa.list_(REGION))]
OUTCOME = [
    pa.field("unsure", pa.bool_()),
    pa.field("note", pa.string()),
    pa.field("error_code", pa.string()),
    pa.field("error_message", pa.string()),
]


def write_parquet(path: Path, rows: Iterable[Row], *, with_regions: bool) -> None:
    """Write `rows` to `path`; `with_regions` says which columns the answer has. Raises OSError as the disk does."""
    schema = pa.schema([*INPUT, *(REGIONS if with_regions else PREDICTIONS), *OUTCOME])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(iter(rows)):
            writer.write_table(pa.Table.from_pylist([as_columns(row) for row in group], schema))


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
        **(_answer_columns(answered) if answered else {}),
        "unsure": answered.unsure if answered else None,
        "note": answered.note if answered else None,
        "error_code": error.code if error else None,
        "error_message": str(error) if error else None,
    }


def _answer_columns(answered: Classification) -> dict[str, Any]:
    if answered.regions is None:
        return _prediction_columns(answered.predictions)
    return {"text": answered.text, "regions": [_region_columns(region) for region in answered.regions]}


def _region_columns(region: Region) -> dict[str, Any]:
    box = {"x": region.box.x, "y": region.box.y, "width": region.box.width, "height": region.box.height}
    return {"box": box, **_prediction_columns(region.predictions), "unsure": region.unsure}


def _prediction_columns(predictions: Sequence[Prediction]) -> dict[str, Any]:
    return {"labels": [p.label for p in predictions], "probabilities": [p.probability for p in predictions]}
