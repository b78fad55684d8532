"""Show how far a run is: a bar on a terminal, a line a minute elsewhere, on standard error."""

import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from threading import Event, Thread

from edge.batch.tally import Tally
from edge.errors import EyespotError

LINE_EVERY_S = 60.0
BAR_EVERY_S = 0.1
BAR_CELLS = 24


class Count:
    """How many inputs there are, found by a second walk beside the work; None until it is over."""

    def __init__(self, inputs: Iterable[object] | None) -> None:
        self.total: int | None = None
        self._given_up = Event()
        if inputs is not None:
            Thread(target=self._count, args=(inputs,), name="eyespot-count", daemon=True).start()

    def _count(self, inputs: Iterable[object]) -> None:
        count = 0
        with suppress(EyespotError):  # the work meets the same, and says so
            for _ in inputs:
                count += 1
                if self._given_up.is_set():
                    return
            self.total = count

    def give_up(self) -> None:
        """Stop counting."""
        self._given_up.set()


class Progress:
    """What is shown while a run goes on; `quiet` shows nothing."""

    def __init__(self, tally: Tally, count: Count, quiet: bool) -> None:
        self._tally, self._count, self._quiet = tally, count, quiet
        self._terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._shown_at = time.monotonic()

    def update(self) -> None:
        """Show the state of the tally, if it is time to."""
        now = time.monotonic()
        if self._quiet or now - self._shown_at < (BAR_EVERY_S if self._terminal else LINE_EVERY_S):
            return
        self._shown_at = now
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1  # in the last one many a terminal begins a new line
            print(f"\r\x1b[K{bar(self._tally, self._count.total, columns)}", end="", file=sys.stderr, flush=True)
        else:
            print(f"eyespot: {state(self._tally, self._count.total)}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the bar."""
        self._count.give_up()
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def bar(tally: Tally, total: int | None, columns: int) -> str:
    """Return the state in at most so many `columns`, with a bar in front where there is room, and a `total`."""
    text = state(tally, total)
    if not total:
        return text[:columns]
    done = min(tally.rows / total, 1.0)
    full = int(done * BAR_CELLS)
    cells = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] "
    text = f"{done:4.0%}  {text}"
    return cells + text if len(cells) + len(text) <= columns else text.lstrip()[:columns]


def state(tally: Tally, total: int | None) -> str:
    """Return rows, failures, rate and the time left, which is unknown until the inputs are counted."""
    of = f" of {total:,}" if total is not None else ""
    rest = "time left unknown"
    if total is not None and tally.computed:
        rest = f"{clock(max(total - tally.rows, 0) / tally.rate)} left"
    return f"{tally.rows:,}{of}, {tally.failed:,} failed, {tally.rate:,.0f}/s, {rest}"


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
