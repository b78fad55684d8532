"""Ctrl-C once: finish the images in hand. Twice: leave at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from edge.cli import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals() -> Iterator[Event]:
    """Yield an event that Ctrl-C or SIGTERM sets; a second one ends the process on the spot.

    That is safe: the ledger is made for being cut off.
    """
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()
        os.write(2, b"\neyespot: finishing the images in hand; again to leave at once\n")  # print may be under way

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
