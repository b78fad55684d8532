"""Where a run is to write, looked at before it begins: what is noticed after the night has cost the night."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile

from edge.batch.ledger import partial_path
from edge.batch.order import order_path
from edge.errors import UsageError

PAGE = ".html"


def require_report(report: Path, output: Path) -> None:
    """Raise UsageError unless a page can be written to `report`, whose folder is made, and harms no row of `output`."""
    if report.suffix != PAGE:
        raise UsageError(f"--report must end in {PAGE}. Received: {report}")
    for taken in (output, partial_path(output), order_path(output)):
        if os.path.realpath(report) == os.path.realpath(taken):
            raise UsageError(f"--report {report}: the run writes its rows there ({taken}); name another file")
    if report.is_dir():
        raise UsageError(f"--report {report}: this is a folder; name a file in it")
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=report.parent).close()
    except OSError as error:
        raise UsageError(f"--report {report}: no page can be written there ({error.strerror})") from None


def require_apart(sources: Iterable[str], written: Path) -> None:
    """Raise UsageError if `written`, which the run is to write, is one of the `sources`, under whatever name."""
    for source in sources:
        if _is_same(source, written):
            raise UsageError(f"{written}: this is one of the sources ({source}); write to another file")


def _is_same(source: str, written: Path) -> bool:
    try:
        return os.path.samefile(source, written)
    except (OSError, ValueError):  # one of the two is not there, or can be no path
        return False
