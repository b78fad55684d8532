"""Apply a function to many items in threads and give the results back in order, as soon as their turn comes.

It exists because OpenCV and onnxruntime work outside of Python's lock, so that threads use all cores with one copy
of the model, and because the executors of the standard library read all items before they give the first result.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Items under way for each thread: enough that a slow one at the front lets the others go on.
WINDOW_PER_THREAD = 8
HELD_BYTES = 256 << 20
# How long the caller waits for a result before it gets None and may see to other things.
TICK_S = 0.5


class _Room:
    """How many items, and how many bytes that they hold, may be under way at once."""

    def __init__(self, items: int, held_bytes: int) -> None:
        self._items, self._bytes = items, held_bytes
        self._most_items, self._most = items, held_bytes
        self._changed = Condition()
        self.closed = False

    def enter(self, size: int) -> bool:
        """Wait for room; return False if it was closed meanwhile. A single item always fits."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or (self._items > 0 and self._fits(size)))
            self._items -= 1
            self._bytes -= size
            return not self.closed

    def _fits(self, size: int) -> bool:
        return self._bytes >= size or self._bytes == self._most

    def leave(self, size: int) -> None:
        with self._changed:
            self._items += 1
            self._bytes += size
            # Not for each item: whoever waits is woken to bring in several at once. It is woken in any case once
            # nothing is under way.
            if 2 * self._items >= self._most_items or 2 * self._bytes >= self._most:
                self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify()


class OrderedMap(Generic[T, R]):
    """An iterator over `function(item)` for all `items`, in order, that `threads` compute.

    None stands for nothing yet, about twice a second. Items are read by a thread of their own, so that results come
    while it waits for the next item; at most `WINDOW_PER_THREAD` for each thread are under way, holding at most
    `HELD_BYTES` as `size_of` counts. After `stop` is set no further item is begun, and those under way are finished.
    What `items` raises is raised in its place.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        threads: int,
        stop: Event | None = None,
        size_of: Callable[[T], int] = lambda _: 0,
    ) -> None:
        self._function, self._items, self._size_of = function, items, size_of
        self._stop = stop or Event()
        window = threads * WINDOW_PER_THREAD
        self._room = _Room(window, HELD_BYTES)
        self._together = window // 2
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="eyespot")
        self._begun: SimpleQueue[tuple[Future[R], int] | None] = SimpleQueue()
        self._more = True

    def __iter__(self) -> Iterator[R | None]:
        feeder = Thread(target=self._feed, name="eyespot-feeder", daemon=True)  # it may wait for a pipe for ever
        feeder.start()
        try:
            yield from self._results()
        finally:
            self._room.close()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _results(self) -> Iterator[R | None]:
        begun: deque[tuple[Future[R], int]] = deque()
        while self._collect(begun) or begun:
            if self._stop.is_set():
                self._room.close()
            if begun:
                # Waiting for one further on wakes this thread once for all before it, not once for each: the
                # threads that compute would pay for every waking with a wait for Python's lock.
                wait([begun[min(len(begun), self._together) - 1][0]], TICK_S)
            if not (begun and begun[0][0].done()):
                if self._room.closed and not begun:
                    return
                yield None
            while begun and begun[0][0].done():
                future, size = begun.popleft()
                yield future.result()
                self._room.leave(size)

    def _collect(self, begun: "deque[tuple[Future[R], int]]") -> bool:
        """Append what was begun, waiting for it only if there is nothing else; return False after the last item."""
        try:
            while self._more and (pair := self._begun.get(block=not begun, timeout=TICK_S)):
                begun.append(pair)
            self._more = False
        except Empty:
            pass
        return self._more

    def _feed(self) -> None:
        try:
            for item in self._items:
                size = self._size_of(item)
                if not self._room.enter(size):
                    return
                self._begun.put((self._pool.submit(self._function, item), size))
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the results
            if not self._room.closed:
                future: Future[R] = Future()
                future.set_exception(error)
                self._begun.put((future, 0))
        finally:
            self._begun.put(None)
