"""Apply a function to many items in threads and give the results back in order, as soon as their turn comes.

It exists because OpenCV and onnxruntime work outside of Python's lock, so that threads use all cores with one copy
of the model, and because the executors of the standard library read all items before they give the first result.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
        self._most = held_bytes
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
        self._room = _Room(threads * WINDOW_PER_THREAD, HELD_BYTES)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="eyespot")
        self._begun: SimpleQueue[tuple[Future[R], int] | None] = SimpleQueue()

    def __iter__(self) -> Iterator[R | None]:
        feeder = Thread(target=self._feed, name="eyespot-feeder", daemon=True)  # it may wait for a pipe for ever
        feeder.start()
        try:
            yield from self._results()
        finally:
            self._room.close()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _results(self) -> Iterator[R | None]:
        while True:
            if self._stop.is_set():
                self._room.close()
            try:
                begun = self._begun.get(timeout=TICK_S)
            except Empty:
                if self._room.closed:
                    return
                yield None
                continue
            if begun is None:
                return
            future, size = begun
            yield from self._finished(future)
            self._room.leave(size)

    def _finished(self, future: "Future[R]") -> Iterator[R | None]:
        while True:
            try:
                yield future.result(timeout=TICK_S)
                return
            except TimeoutError:
                if future.done():  # the function's own
                    yield future.result()
                    return
            if self._stop.is_set():
                self._room.close()
            yield None

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
