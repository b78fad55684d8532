"""The micro-batcher: what is waiting goes through the network together, and nothing waits long for others.

It knows how many items are on their way: a lone item runs at once; with others coming it waits for them, but never
longer than `max_wait_s`.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar("Item")


class MicroBatcher(Generic[Item]):
    """Collects items from any number of threads and calls `run` with some of them, one call at a time.

    `run` gets as many items as one of `sizes` says (those must include 1), the oldest first, and must not raise. It
    is called on the thread that put the last item where that is enough, since waking another thread costs more than
    a small network; a thread of its own ends the waiting.
    """

    def __init__(self, run: Callable[[Sequence[Item]], None], sizes: Sequence[int], max_wait_s: float) -> None:
        self._run = run
        self._sizes = sorted(sizes, reverse=True)
        self._max_wait_s = max_wait_s
        self._condition = threading.Condition()
        self._waiting: deque[tuple[float, Item]] = deque()
        self._expected = 0
        self._running = False
        self._closed = False
        self._asleep = False
        self._timer = threading.Thread(target=self._end_waiting, name="eyespot-batcher", daemon=True)
        self._timer.start()

    def expect(self) -> None:
        """Say that one more item will be put or dropped."""
        with self._condition:
            self._expected += 1

    def drop(self) -> None:
        """Say that an item which was expected will not come."""
        with self._condition:
            self._expected -= 1
        self._run_batches()

    def put(self, item: Item) -> None:
        """Hand over an item that was expected; batches may run before this returns."""
        with self._condition:
            self._expected -= 1
            self._waiting.append((monotonic(), item))
        self._run_batches()

    def close(self, within_s: float | None = None) -> None:
        """End the thread once nothing is waiting, or return after `within_s`; what is put later is still run."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._timer.join(within_s)

    def _run_batches(self) -> None:
        while batch := self._take():
            self._run(batch)
            with self._condition:
                self._running = False
                if self._closed:
                    self._condition.notify()

    def _take(self) -> list[Item]:
        """Return the batch that is due, and claim the network for it, or nothing."""
        with self._condition:
            if self._running or not self._waiting:
                return []
            if self._seconds_left() > 0:
                if self._asleep:
                    self._condition.notify()
                return []
            self._running = True
            size = next(size for size in self._sizes if size <= len(self._waiting))
            return [self._waiting.popleft()[1] for _ in range(size)]

    def _seconds_left(self) -> float:
        """Return how long the oldest item may still wait; 0 where there is nothing to wait for."""
        if not self._expected or len(self._waiting) >= self._sizes[0]:
            return 0
        return self._waiting[0][0] + self._max_wait_s - monotonic()

    def _end_waiting(self) -> None:
        while True:
            with self._condition:
                if self._closed and not self._waiting:
                    return
                if self._running or not self._waiting:
                    self._asleep = True
                    self._condition.wait()
                    self._asleep = False
                    continue
                if (left := self._seconds_left()) > 0:
                    self._condition.wait(left)
                    continue
            self._run_batches()
