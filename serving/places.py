"""The places in the queue: so many pictures may be on their way in a worker, and no more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.problems import RequestError

RETRY_AFTER_S = 1
# As many as a batch takes. While they are worked on, no other request is read.
FEW = 16


class Places:
    """Counts the pictures that are on their way. It belongs to the event loop's thread."""

    def __init__(self, limit: int, report: Callable[[int], None]) -> None:
        """Let at most `limit` pictures in; `report` is told how many there are whenever that changes."""
        self.limit = limit
        self.taken = 0
        self._report = report

    def require(self, count: int = 1) -> None:
        """Raise RequestError 503 with Retry-After where there are not so many places; none is taken."""
        if self.taken + count > self.limit:
            raise RequestError(
                503,
                "overloaded",
                f"{self.taken} pictures are waiting and {self.limit} may; try again",
                {"Retry-After": str(RETRY_AFTER_S)},
            )

    @contextmanager
    def take(self, count: int) -> Iterator[None]:
        """Hold `count` places. Raises what `require` raises."""
        self.require(count)
        self._change(count)
        try:
            yield
        finally:
            self._change(-count)

    @property
    def are_few(self) -> bool:
        """Whether so few pictures are on their way that small ones may be worked on at once."""
        return self.taken <= FEW

    def _change(self, count: int) -> None:
        self.taken += count
        self._report(self.taken)
