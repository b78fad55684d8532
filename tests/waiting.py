"""Wait for what another thread or process does, without guessing how long it takes."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 60.0
PAUSE_S = 0.01


def until(condition: Callable[[], T], why_not: Callable[[], str] = lambda: "it never happened") -> T:
    """Return what the condition gives as soon as that is true; fail, and say why, if it is not within a minute."""
    end, pause = time.monotonic() + LIMIT_S, Event()
    while not (found := condition()):
        assert time.monotonic() < end, why_not()
        pause.wait(PAUSE_S)
    return found
