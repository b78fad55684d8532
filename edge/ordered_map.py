"""Apply a function to many items in threads and give the results back in order, as soon as their turn comes.

It exists because OpenCV and onnxruntime work outside of Python's lock, so that threads use all cores with one copy
of the model, because several items may share a part of the work, and because the executors of the standard library
read all items before they give the first result.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Generic, TypeVar, cast

from edge.room import Room

T = TypeVar("T")
R = TypeVar("R")

# Items that were read for each thread: enough that a slow one at the front lets the others go on, and that threads are
# woken for many at once.
WINDOW_PER_THREAD = 32
HELD_BYTES = 256 << 20
# How long the caller waits for a result before it gets None and may see to other things.
TICK_S = 0.5


class _Place(Generic[T, R]):
    """One item on its way, and what came of it once it is `done`."""

    __slots__ = ("done", "dropped", "error", "item", "result", "size")

    def __init__(self, item: T, size: int) -> None:
        self.item, self.size = item, size
        self.result: R | None = None
        self.error: BaseException | None = None
        self.done = self.dropped = False


class OrderedMap(Generic[T, R]):
    """An iterator over the results of `function` for all `items`, in order, that `threads` compute.

    `function` is given one item, or as many as `together` that are waiting anyway, and returns a result for each of
    them. Nobody waits for company, and where fewer wait the threads share them.

    None stands for nothing yet, about twice a second. Items are read by a thread of their own, so that results come
    while it waits for the next item; at most `WINDOW_PER_THREAD` for each thread are read ahead, holding at most
    `HELD_BYTES` as `size_of` counts. After `stop` is set no further item is begun, and those in work are finished.
    What `items` or `function` raise is raised in its place.
    """

    def __init__(
        self,
        function: Callable[[Sequence[T]], Sequence[R]],
        items: Iterable[T],
        threads: int,
        stop: Event | None = None,
        size_of: Callable[[T], int] = lambda _: 0,
        *,
        together: int = 1,
    ) -> None:
        self._function, self._items, self._size_of = function, items, size_of
        self._threads, self._together = threads, together
        self._stop = stop or Event()
        window = threads * WINDOW_PER_THREAD
        self._room = Room(window, HELD_BYTES)
        self._ahead = window // 2
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="eyespot")
        self._lock = Lock()
        self._waiting: deque[_Place[T, R]] = deque()
        self._working = 0
        self._begun: SimpleQueue[_Place[T, R] | None] = SimpleQueue()
        self._awaited: _Place[T, R] | None = None
        self._ready = Event()
        self._more = True

    def __iter__(self) -> Iterator[R | None]:
        feeder = Thread(target=self._feed, name="eyespot-feeder", daemon=True)  # it may wait for a pipe for ever
        feeder.start()
        try:
            yield from self._results()
        finally:
            self._end()
            self._pool.shutdown(wait=False)

    def _results(self) -> Iterator[R | None]:
        begun: deque[_Place[T, R]] = deque()
        while self._collect(begun) or begun:
            if self._stop.is_set():
                self._end()
            if begun:
                # Waiting for one further on wakes this thread once for all before it, not once for each: the
                # threads that compute would pay for every waking with a wait for Python's lock.
                self._wait_for(begun[min(len(begun), self._ahead) - 1])
            if not (begun and begun[0].done):
                if self._room.closed and not begun:
                    return
                yield None
            while begun and begun[0].done:
                place = begun.popleft()
                if place.dropped:
                    return
                if place.error is not None:
                    raise place.error
                yield cast(R, place.result)
                self._room.leave(place.size)

    def _end(self) -> None:
        """Let nothing in any more, and drop what no thread has taken up."""
        self._room.close()
        with self._lock:
            for place in self._waiting:
                place.dropped = place.done = True  # nobody waits for it any more
            self._waiting.clear()

    def _wait_for(self, place: _Place[T, R]) -> None:
        self._ready.clear()
        self._awaited = place
        if not place.done:  # or it was done before a thread could see that it is awaited
            self._ready.wait(TICK_S)

    def _collect(self, begun: "deque[_Place[T, R]]") -> bool:
        """Append what was begun, waiting for it only if there is nothing else; return False after the last item."""
        try:
            while self._more and (place := self._begun.get(block=not begun, timeout=TICK_S)):
                begun.append(place)
            self._more = False
        except Empty:
            pass
        return self._more

    def _feed(self) -> None:
        try:
            for item in self._items:
                place = _Place[T, R](item, self._size_of(item))
                if not self._room.enter(place.size):
                    return
                self._begun.put(place)
                self._hand_over(place)
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the results
            if not self._room.closed:
                failed = _Place[T, R](cast(T, None), 0)
                failed.error, failed.done = error, True
                self._begun.put(failed)
        finally:
            self._begun.put(None)

    def _hand_over(self, place: _Place[T, R]) -> None:
        with self._lock:
            self._waiting.append(place)
            if self._working == self._threads:
                return
            self._working += 1
        self._pool.submit(self._work)

    def _work(self) -> None:
        """Do what is waiting until nothing is."""
        while group := self._take():
            self._compute(group)
            if self._awaited in group:
                self._ready.set()

    def _take(self) -> list[_Place[T, R]]:
        """Return what is to be done next: as many as are one thread's share of what waits."""
        with self._lock:
            if not self._waiting:
                self._working -= 1
                return []
            share = min(self._together, -(-len(self._waiting) // self._threads))
            # A power of two: the sizes for which a network is made ready.
            return [self._waiting.popleft() for _ in range(1 << (share.bit_length() - 1))]

    def _compute(self, group: Sequence[_Place[T, R]]) -> None:
        try:
            results = self._function([place.item for place in group])
            for place, result in zip(group, results, strict=True):
                place.result, place.done = result, True
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the result
            if len(group) > 1:
                for place in group:  # one of them is to blame
                    self._compute([place])
            else:
                group[0].error, group[0].done = error, True
