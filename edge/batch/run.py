"""One run from its inputs to its output: begin or resume, compute row by row, complete."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from edge.batch.chosen import choose
from edge.batch.inputs import Input, Selection
from edge.batch.ledger import Ledger, require_new
from edge.batch.max_failures import MaxFailures
from edge.batch.order import Order, read_order, require_same
from edge.batch.outputs import complete
from edge.batch.progress import Count, Progress
from edge.batch.report import write_report
from edge.batch.resume import skip_done
from edge.batch.row import Row
from edge.batch.summary import as_text, totals
from edge.batch.tally import Tally
from edge.cli import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED
from edge.errors import OutputError

# Inputs to rows, in order; None for nothing yet. After the event is set no further input is begun.
Engine = Callable[[Iterator[Input], Event], Iterator[Row | None]]


@dataclass(frozen=True)
class Run:
    """All that a run is told. `order` decides what its rows say, everything else only how they come about."""

    order: Order
    selection: Selection
    engine: Engine
    max_failures: MaxFailures
    resume: bool
    overwrite: bool
    quiet: bool
    summary: bool
    report: Path | None

    def __call__(self, ledger: Ledger, stop: Event) -> int:
        """Compute what is not there yet and return the exit status."""
        tally = Tally()
        if self._is_whole(ledger):
            for row in ledger.read():
                tally.keep(row)
        else:
            inputs = self._begin(ledger, tally, stop)
            if not stop.is_set():  # in the middle of rows that are there, none can be added
                self._compute(ledger, inputs, tally, stop)
            if stop.is_set():
                self._say(f"stopped after {totals(tally)}; {_goes_on(ledger)}", always=True)
                return INTERRUPTED
            if self.max_failures.passed(tally):
                self._say(f"more than --max-failures have failed ({totals(tally)}); {_goes_on(ledger)}", always=True)
                return NOTHING_DONE
        return self._complete(ledger, tally)

    def _is_whole(self, ledger: Ledger) -> bool:
        """Whether an earlier run got as far as having all rows, and only its output is missing."""
        return self.resume and ledger.has_rows and not ledger.order_path.exists()

    def _begin(self, ledger: Ledger, tally: Tally, stop: Event) -> Iterator[Input]:
        """Return the inputs that have no row yet; the ledger is ready for theirs."""
        inputs = iter(self.selection)
        if self.resume and ledger.order_path.exists():
            before = read_order(ledger.order_path)
            require_same(before, self.order, ledger.output)
            skip_done(ledger, inputs, before.begun_s, self.order.max_pixels, stop, tally.keep)
            if tally.rows:
                self._say(f"{tally.rows:,} rows are there, going on")
            return inputs
        if not self.overwrite:
            require_new(ledger)
        ledger.clear()
        self.order.write(ledger.order_path)
        return inputs

    def _compute(self, ledger: Ledger, inputs: Iterator[Input], tally: Tally, stop: Event) -> None:
        tally.begin()
        counted = not self.quiet and self.selection.countable
        progress = Progress(tally, Count(self.selection if counted else None), self.quiet)
        try:
            for row in self.engine(inputs, stop):
                if row is None:
                    ledger.sync(1.0)
                else:
                    ledger.append(row)
                    tally.add(row)
                    if self.max_failures.passed(tally):
                        break
                progress.update()
            ledger.sync()
        finally:
            progress.end()

    def _complete(self, ledger: Ledger, tally: Tally) -> int:
        if self.report:
            self._write_report(self.report, ledger, tally)
        complete(ledger, self.order)  # after the page, which without the ledger could not be written again
        if self.summary:
            print(as_text(tally), flush=True)
        self._say(f"{ledger.output}: {totals(tally)}")
        if tally.nothing_was_there or self.max_failures.passed(tally, at_end=True):
            return NOTHING_DONE
        return SOME_FAILED if tally.failed else DONE

    def _write_report(self, path: Path, ledger: Ledger, tally: Tally) -> None:
        chosen = choose(ledger.read())
        try:
            write_report(path, self.order, chosen, tally)
        except OSError as error:
            raise OutputError(
                f"{path}: {error.strerror or error}; all rows are safe in {ledger.path.name}; "
                "make room and run the same command with --resume"
            ) from None

    def _say(self, message: str, always: bool = False) -> None:
        if always or not self.quiet:
            print(f"eyespot: {message}", file=sys.stderr, flush=True)


def _goes_on(ledger: Ledger) -> str:
    return f"the rows are in {ledger.path}, and the same command with --resume goes on"
