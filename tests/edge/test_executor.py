"""Results in order, items read lazily, and an end that leaves nothing behind."""

import itertools
from collections.abc import Iterator
from threading import Barrier, Event, Lock, active_count

import pytest

from edge.executor import WINDOW_PER_THREAD, ordered_map


def results(mapped: Iterator[int | None]) -> list[int]:
    return [result for result in mapped if result is not None]


def test_results_come_in_order_whichever_is_first_to_finish() -> None:
    second_is_done = Event()

    def function(item: int) -> int:
        if item == 0:
            second_is_done.wait(30)
        else:
            second_is_done.set()
        return item * item

    assert results(ordered_map(function, range(500), 2)) == [i * i for i in range(500)]


def test_items_are_worked_on_at_the_same_time() -> None:
    both = Barrier(2, timeout=30)
    assert results(ordered_map(lambda item: item + 0 * both.wait(), range(20), 2)) == list(range(20))


def test_items_are_read_no_further_than_the_window_and_the_threads_end_with_the_caller() -> None:
    read, before = [], active_count()

    def items() -> Iterator[int]:
        for item in itertools.count():
            read.append(item)
            yield item

    mapped = ordered_map(lambda item: item, items(), 2)
    assert list(itertools.islice((r for r in mapped if r is not None), 10)) == list(range(10))
    mapped.close()  # type: ignore[attr-defined]
    assert len(read) <= 10 + 2 * WINDOW_PER_THREAD + 2
    assert active_count() <= before + 1  # the reader sees at its next item that it is over


def test_items_under_way_hold_no_more_bytes_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.executor.HELD_BYTES", 100)
    lock, held, most = Lock(), [0], [0]

    def items() -> Iterator[int]:
        for size in [60, 30, 10, 60, 250, 10, 99, 1, 1] * 5:
            with lock:
                held[0] += size
                most[0] = max(most[0], held[0])
            yield size

    def function(size: int) -> int:
        with lock:
            held[0] -= size
        return size

    assert len(results(ordered_map(function, items(), 4, size_of=lambda size: size))) == 45
    # What is allowed, the largest single item that is, and the one that waits at the door.
    assert most[0] <= 250 + 250


def test_what_raises_is_raised_in_its_place_a_timeout_too() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise RuntimeError("the list is gone")

    def function(item: int) -> int:
        if item == 2:
            raise TimeoutError("of its own")
        return item

    for work, error in ((lambda item: item, RuntimeError), (function, TimeoutError)):
        mapped = (result for result in ordered_map(work, items(), 2) if result is not None)
        assert next(mapped) == 1
        with pytest.raises(error):
            list(mapped)


def test_after_stop_what_is_under_way_is_finished_and_no_more_begun() -> None:
    stop, begun, found = Event(), [], []

    def function(item: int) -> int:
        begun.append(item)
        return item

    for result in ordered_map(function, itertools.count(), 2, stop):
        found += [] if result is None else [result]
        if len(found) == 5:
            stop.set()
    assert found == list(range(len(found)))
    assert sorted(begun) == found


def test_after_stop_what_waits_is_dropped_while_the_items_do_not_end() -> None:
    stop, stopped, never, begun, found = Event(), Event(), Event(), [], []

    def items() -> Iterator[int]:
        yield from range(WINDOW_PER_THREAD)
        stop.set()  # all of them are read, and the first is in work
        never.wait(30)

    def function(item: int) -> int:
        begun.append(item)
        stopped.wait(30)
        return item

    for result in ordered_map(function, items(), 1, stop):
        found += [] if result is None else [result]
        if stop.is_set():
            stopped.set()
    never.set()
    assert found == begun
    assert len(found) < WINDOW_PER_THREAD
