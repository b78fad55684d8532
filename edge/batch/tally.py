"""`Tally`: what a run adds up to, kept row by row in memory that does not grow."""

import math
import time
from collections import Counter

from edge.answer import NOT_THERE
from edge.batch.row import Row

# Latencies fall into classes 1 % apart, so a percentile is right to half of that.
LATENCY_STEP = math.log(1.01)


class Tally:
    """Counts over all rows, and latencies over those that this process computed."""

    def __init__(self) -> None:
        self.rows = self.bytes = self.failed = self.unsure = self.computed = 0
        self.labels: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self._latencies: Counter[int] = Counter()
        self._started = time.monotonic()

    def keep(self, row: Row) -> None:
        """Count a row, whoever computed it."""
        self.rows += 1
        self.bytes += row.size_bytes or 0
        if row.code:
            self.failed += 1
            self.codes[row.code] += 1
        if answered := row.answer.classification:
            found = [answered.predictions] if answered.regions is None else [r.predictions for r in answered.regions]
            self.labels.update(predictions[0].label for predictions in found)
            self.unsure += answered.unsure

    def add(self, row: Row) -> None:
        """Count a row that was computed just now."""
        self.keep(row)
        self.computed += 1
        self._latencies[round(math.log(max(row.seconds, 1e-9)) / LATENCY_STEP)] += 1

    def begin(self) -> None:
        """Start the clock that `seconds` and `rate` go by."""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long this process has been computing."""
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Rows a second that this process computed."""
        return self.computed / max(self.seconds, 1e-9)

    @property
    def nothing_was_there(self) -> bool:
        """Whether not one input led to any content."""
        return sum(self.codes[code] for code in NOT_THERE) == self.rows

    def latency_s(self, share: float) -> float:
        """Return the latency in seconds that `share` (0 to 1) of the inputs did not exceed, nan for no inputs."""
        wanted, seen = math.ceil(share * self.computed), 0
        for position in sorted(self._latencies):
            seen += self._latencies[position]
            if seen >= wanted:
                return math.exp(position * LATENCY_STEP)
        return math.nan
