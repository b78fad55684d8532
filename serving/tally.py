"""A tally of what is counted, in plain numbers, until it is written to where Prometheus's client keeps it.

It exists because that is a file which all workers map: to count an answer and its request took 34 microseconds there,
and takes 6 here.
"""

from bisect import bisect_left
from collections import defaultdict
from typing import Any

from prometheus_client import Counter, Histogram


class Tally:
    """Adds up. It belongs to one thread; what was added since `write` is lost if the process is killed."""

    def __init__(self) -> None:
        self._pending: defaultdict[Any, float] = defaultdict(float)

    def count(self, counter: Counter) -> None:
        """Add one to the series of a counter."""
        self._pending[counter] += 1

    def observe(self, histogram: Histogram, value: float) -> None:
        """Add a value to the series of a histogram, as its `observe` does: the last bucket has no bound."""
        self._pending[histogram._sum] += value
        self._pending[histogram._buckets[bisect_left(histogram._upper_bounds, value)]] += 1

    def write(self) -> None:
        """Write what was added."""
        pending, self._pending = self._pending, defaultdict(float)
        for series, amount in pending.items():
            series.inc(amount)
