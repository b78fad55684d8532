"""Ask again, later and later, while a server is busy or out of reach."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edge.errors import SourceError
from training.gather.request import TryAgainError

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# Each pause is twice the one before, as often as it takes to reach the longest; more of it no float could hold.
DOUBLINGS = 6
# Who is told to come back later than that had better be started again then.
LONGEST_ASKED_S = 600.0


class StoppedError(Exception):
    """The user does not want to wait any longer."""


@dataclass(frozen=True)
class Patience:
    """How often a failed request is repeated. `wait` takes seconds and says whether to stop; `say` takes a line."""

    retries: int
    delay_s: float
    wait: Callable[[float], bool]
    say: Callable[[str], None]

    def pause(self) -> None:
        """Leave the server alone between two requests. Raises StoppedError."""
        if self.wait(self.delay_s):
            raise StoppedError

    def ask(self, url: str, request: Callable[[], T]) -> T:
        """Return what `request` for `url` returns, in one of its attempts.

        Raises SourceError after the last of them, and StoppedError.
        """
        for attempt in range(self.retries + 1):
            try:
                return request()
            except TryAgainError as error:
                reason, asked_s = str(error), error.after_s
            if asked_s is not None and asked_s > LONGEST_ASKED_S:
                raise SourceError(f"{url}: {reason}; the server wants to be asked again in {asked_s:,.0f} seconds")
            pause_s = self._pause_s(attempt, asked_s)
            if attempt < self.retries:
                self.say(f"{reason}; asking again in {pause_s:g} s ({attempt + 1} of {self.retries})")
                if self.wait(pause_s):
                    raise StoppedError
        raise SourceError(f"{url}: {reason}; asked {self.retries + 1} times")

    def _pause_s(self, attempt: int, asked_s: float | None) -> float:
        grown = min(FIRST_PAUSE_S * 2 ** min(attempt, DOUBLINGS), LONGEST_PAUSE_S)
        return max(grown if asked_s is None else asked_s, self.delay_s)
