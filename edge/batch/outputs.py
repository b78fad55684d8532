"""The formats of the output. JSON lines are the ledger itself; CSV and parquet are written from it at the end.

It exists so that only one file has to survive a kill: whatever happens while another is written, it is written again.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from edge.atomic_file import replacing
from edge.batch.ledger import Ledger
from edge.batch.row import Row
from edge.errors import OutputError, UsageError

JSON_LINES, CSV, PARQUET = ".jsonl", ".csv", ".parquet"


def require_format(output: Path) -> None:
    """Raise UsageError if the suffix of `output` names no format, ModuleNotFoundError if its package is missing."""
    if output.suffix not in (JSON_LINES, CSV, PARQUET):
        raise UsageError(f"--output must end in {JSON_LINES}, {CSV} or {PARQUET}. Received: {output}")
    if output.suffix == PARQUET:
        import edge.batch.parquet  # noqa: F401 # now, not after the night


def complete(ledger: Ledger, columns: int) -> None:
    """Make the output of a ledger that has all rows, whole or not at all, and remove the ledger.

    `columns` is how many predictions a row of CSV has. Raises OutputError if the disk refuses the output; the
    ledger stays.
    """
    ledger.mark_whole()
    if ledger.output.suffix == JSON_LINES:
        ledger.become_output()
        return
    try:
        with replacing(ledger.output) as temporary:
            if ledger.output.suffix == PARQUET:
                from edge.batch.parquet import write_parquet

                write_parquet(temporary, ledger.read())
            else:
                write_csv(temporary, ledger.read(), columns)
    except OSError as error:
        raise OutputError(
            f"{ledger.output}: {error.strerror or error}; all rows are safe in {ledger.path.name}; "
            "make room and run the same command with --resume"
        ) from None
    ledger.remove()


def write_csv(path: Path, rows: Iterable[Row], columns: int) -> None:
    """Write `rows` with `columns` predictions each, as RFC 4180 has it; a name that is no text keeps its bytes."""
    names = [f"{name}_{i}" for i in range(1, columns + 1) for name in ("label", "probability")]
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "sha256", "size_bytes", *names, "unsure", "note", "error_code", "error_message"])
        for row in rows:
            answered, error = row.answer.classification, row.answer.error
            predictions = [
                cell for p in (answered.predictions if answered else ()) for cell in (p.label, p.probability)
            ]
            writer.writerow(
                [row.answer.path, row.sha256, row.size_bytes]
                + (predictions + [None] * len(names))[: len(names)]
                + [str(answered.unsure).lower() if answered else None, answered.note if answered else None]
                + ([error.code, str(error)] if error else [None, None])
            )
