"""Which frames are wanted: every n-th, and no more than so many a second."""


class Pace:
    """Chooses every `every`-th frame of a source, and of these at most `max_fps` a second (None: all)."""

    def __init__(self, every: int = 1, max_fps: float | None = None) -> None:
        self._every = every
        self._interval_s = 1 / max_fps if max_fps else 0.0
        self._due_s: float | None = None

    def wants(self, number: int, at_s: float) -> bool:
        """Whether frame `number`, which stands at `at_s` on any clock that runs on, is to be looked at."""
        if number % self._every:
            return False
        if not self._interval_s:
            return True
        if self._due_s is None:
            self._due_s = at_s
        # A little early is on time, or a camera of 30 frames a second would give 10 of them every 133 ms.
        if at_s < self._due_s - self._interval_s / 10:
            return False
        # From when it was due, so that the rate holds on average; but nothing is made up for after a pause.
        self._due_s = max(self._due_s, at_s - self._interval_s) + self._interval_s
        return True
