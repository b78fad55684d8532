"""Wait for what another process does, without guessing how long it takes."""

import time
from collections.abc import Callable
from threading import Event

LIMIT_S = 60.0


def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail if it does not within a minute."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "it never happened"
        Event().wait(0.005)
