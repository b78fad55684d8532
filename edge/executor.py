"""Apply a function to many items in threads, and give the results back in order as soon as their turn comes.

Pillow and onnxruntime work outside of Python's lock, so threads use all cores with one copy of the model. The standard
library's executors read all items before they give the first result.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Condition, Event, Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Items read ahead for each thread: enough that a slow one at the front lets the others go on, and that threads are
# woken for many at once.
WINDOW_PER_THREAD = 32
# What the items that wait may hold in memory, all of them together.
HELD_BYTES = 256 << 20
TICK_S = 0.5


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    stop: Event | None = None,
    size_of: Callable[[T], int] = lambda _: 0,
) -> Iterator[R | None]:
    """Yield `function` of each of `items`, in order; None now and then while there is nothing.

    Items are read by a thread of their own, since they may come through a pipe; at most `WINDOW_PER_THREAD` for each
    thread are under way, and those that wait hold at most `HELD_BYTES` as `size_of` counts (a single one always
    fits). After `stop` is set no further item is begun, and those in work are finished. What `items` or `function`
    raise is raised in its place.
    """
    window = _Window(function, size_of, threads * WINDOW_PER_THREAD)
    Thread(target=window.read, args=(items,), name="eyespot-reader", daemon=True).start()
    workers = [Thread(target=window.work, name=f"eyespot-{i}", daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    try:
        while (ready := window.take_ready(stop)) is not None:
            if not ready:
                yield None
            for slot in ready:
                if slot.error is not None:
                    raise slot.error
                yield slot.result
    finally:
        window.close()
        for worker in workers:
            worker.join()


class _Slot(Generic[T, R]):
    """One item on its way, and what came of it once it is `done`."""

    __slots__ = ("done", "error", "item", "result", "size")

    def __init__(self, item: T | None, size: int, error: BaseException | None = None) -> None:
        self.item, self.size, self.error = item, size, error
        self.result: R | None = None
        self.done = error is not None


class _Window(Generic[T, R]):
    """What is under way: one deque in the order of the items, and one of those that no thread has taken yet."""

    def __init__(self, function: Callable[[T], R], size_of: Callable[[T], int], most: int) -> None:
        self._function, self._size_of, self._most = function, size_of, most
        self._slots: deque[_Slot[T, R]] = deque()
        self._waiting: deque[_Slot[T, R]] = deque()
        self._awaited: _Slot[T, R] | None = None
        self._held = 0
        self._complete = self._closed = False
        self._lock = Lock()
        self._has_room, self._has_work, self._has_result = (Condition(self._lock) for _ in range(3))

    def read(self, items: Iterable[T]) -> None:
        """Take in items as there is room for them."""
        try:
            for item in items:
                slot = _Slot[T, R](item, self._size_of(item))
                with self._lock:
                    while not (self._closed or self._fits(slot.size)):
                        self._has_room.wait()
                    if self._closed:
                        return
                    self._held += slot.size
                    self._slots.append(slot)
                    self._waiting.append(slot)
                    self._has_work.notify()
                    if self._awaited is None:
                        self._has_result.notify()
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the results
            with self._lock:
                if not self._closed:
                    self._slots.append(_Slot(None, 0, error))
        finally:
            with self._lock:
                self._complete = True
                self._has_work.notify_all()
                self._has_result.notify()

    def _fits(self, size: int) -> bool:
        return len(self._slots) < self._most and (not self._held or self._held + size <= HELD_BYTES)

    def work(self) -> None:
        """Compute what waits until there is no more."""
        while slot := self._take_waiting():
            try:
                slot.result = self._function(slot.item)  # type: ignore[arg-type]
            except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the result
                slot.error = error
            slot.item = None
            with self._lock:
                slot.done = True
                if slot is self._awaited:
                    self._has_result.notify()
                if slot.size:
                    self._held -= slot.size
                    self._has_room.notify()

    def _take_waiting(self) -> _Slot[T, R] | None:
        with self._lock:
            while not (self._waiting or self._complete or self._closed):
                self._has_work.wait()
            return self._waiting.popleft() if self._waiting else None

    def take_ready(self, stop: Event | None) -> list[_Slot[T, R]] | None:
        """Return the slots that are done and whose turn it is, after half a second at most; None after the last."""
        with self._lock:
            if stop is not None and stop.is_set():
                self._drop_waiting()
            # Waiting for one further on wakes the caller once for all before it. To wake it for each would make the
            # threads that compute wait for Python's lock each time.
            ahead = min(len(self._slots), self._most // 2)
            awaited = self._awaited = self._slots[ahead - 1] if ahead else None
            self._has_result.wait_for(lambda: awaited.done if awaited else self._slots or self._complete, TICK_S)
            if not self._slots and (self._complete or self._closed):
                return None
            ready = []
            while self._slots and self._slots[0].done:
                ready.append(self._slots.popleft())
            if ready:
                self._has_room.notify()
            return ready

    def close(self) -> None:
        """End the threads as soon as they have done what they are at."""
        with self._lock:
            self._drop_waiting()

    def _drop_waiting(self) -> None:
        """Let nothing in any more, and drop what no thread has taken: always the last of what is under way."""
        self._closed = True
        for _ in range(len(self._waiting)):
            self._slots.pop()
        self._waiting.clear()
        self._has_work.notify_all()
        self._has_room.notify()
