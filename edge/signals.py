"""Ctrl-C or SIGTERM once: finish what is under way, and end. Twice: end at once, each kind of work in its own way."""

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


@contextmanager
def stopping_or_leaving_on_signals() -> Iterator[Event]:
    """Yield an event that the first signal sets, with a line; a second one ends the process on the spot.

    That is for what is made for being cut off, as the ledger of a batch is: nothing is waited for or closed.
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
