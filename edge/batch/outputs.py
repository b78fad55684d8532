"""The formats of the output. JSON lines are the ledger itself; CSV and parquet are written from it at the end.

It exists so that only one file has to survive a kill: whatever happens while another is written, it is written again.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from edge.answer import region_fields
from edge.atomic_file import replacing
from edge.batch.ledger import Ledger
from edge.batch.order import Order
from edge.batch.row import Row
from edge.classification import Classification
from edge.errors import OutputError, UsageError

JSON_LINES, CSV, PARQUET = ".jsonl", ".csv", ".parquet"

Cell = str | float | None


def require_format(output: Path) -> None:
    """Raise UsageError if the suffix of `output` names no format, ModuleNotFoundError if its package is missing."""
    if output.suffix not in (JSON_LINES, CSV, PARQUET):
        raise UsageError(f"--output must end in {JSON_LINES}, {CSV} or {PARQUET}. Received: {output}")
    if output.suffix == PARQUET:
        import edge.batch.parquet  # noqa: F401 # now, not after the night


def complete(ledger: Ledger, order: Order) -> None:
    """Make the output of a ledger that has all rows, whole or not at all, and remove the ledger.

    `order` says which columns a table has. Raises OutputError if the disk refuses the output; the ledger stays.
    """
    ledger.mark_whole()
    if ledger.output.suffix == JSON_LINES:
        ledger.become_output()
        return
    try:
        with replacing(ledger.output) as temporary:
            if ledger.output.suffix == PARQUET:
                from edge.batch.parquet import write_parquet

                write_parquet(temporary, ledger.read(), with_regions=order.regions is not None)
            else:
                write_csv(temporary, ledger.read(), order)
    except OSError as error:
        raise OutputError(
            f"{ledger.output}: {error.strerror or error}; all rows are safe in {ledger.path.name}; "
            "make room and run the same command with --resume"
        ) from None
    ledger.remove()


def write_csv(path: Path, rows: Iterable[Row], order: Order) -> None:
    """Write `rows` as RFC 4180 has it; a name that is no text keeps its bytes.

    A row has the label and probability of `order.top` predictions. Where regions are looked for it has the text and,
    their number being open, all regions in one column, as the JSON that a row of JSON lines holds.
    """
    pairs = [f"{name}_{i}" for i in range(1, order.top + 1) for name in ("label", "probability")]
    names = ["text", "regions"] if order.regions else pairs
    cells_of = _region_cells if order.regions else _prediction_cells
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "sha256", "size_bytes", *names, "unsure", "note", "error_code", "error_message"])
        for row in rows:
            answered, error = row.answer.classification, row.answer.error
            cells = cells_of(answered) if answered else []
            writer.writerow(
                [row.answer.path, row.sha256, row.size_bytes]
                + (cells + [None] * len(names))[: len(names)]
                + [str(answered.unsure).lower() if answered else None, answered.note if answered else None]
                + ([error.code, str(error)] if error else [None, None])
            )


def _prediction_cells(answered: Classification) -> list[Cell]:
    return [cell for p in answered.predictions for cell in (p.label, p.probability)]


def _region_cells(answered: Classification) -> list[Cell]:
    return [answered.text, json.dumps(region_fields(answered)["regions"])]
