"""How long the rest will take: by the usual time between two answers, in which pauses do not count."""

import math
from collections import deque
from collections.abc import Callable
from statistics import median
from time import monotonic

# Whoever takes longer has gone for coffee.
LONGEST_S = 60.0
REMEMBERED = 50
FEWEST = 3


class Pace:
    """Counts the seconds between answers by `clock`, a clock in seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last_s = -math.inf
        self._gaps: deque[float] = deque(maxlen=REMEMBERED)

    def answered(self) -> None:
        """Note that an answer has come just now."""
        now_s = self._clock()
        if now_s - self._last_s <= LONGEST_S:
            self._gaps.append(now_s - self._last_s)
        self._last_s = now_s

    def seconds_for(self, items: int) -> float | None:
        """Return how long so many items will take, None while too little is known."""
        return items * median(self._gaps) if len(self._gaps) >= FEWEST else None
