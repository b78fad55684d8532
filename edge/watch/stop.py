"""Ctrl-C or SIGTERM once: finish what is open, and end. Twice: end at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals() -> Iterator[Event]:
    """Yield an event that the first signal sets; after it both signals do again what they did before."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        restore()
        stop.set()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
