"""Threads that take calls from one queue.

It exists beside concurrent.futures because a call that reports its own end needs no Future, and making one
costs as much as decoding a small picture.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic


class Pool:
    """`threads` threads that run what is given to them, first come, first served."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"eyespot-front-{i}", daemon=True) for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, call: Callable[[], object]) -> None:
        """Have a thread run `call`, which must not raise."""
        self._calls.put(call)

    def close(self, within_s: float | None = None) -> None:
        """End the threads once all that was given is done; return after `within_s` if that takes longer."""
        deadline = monotonic() + within_s if within_s is not None else None
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - monotonic()))

    def _work(self) -> None:
        while call := self._calls.get():
            call()
