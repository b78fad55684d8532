"""Results in order, items read lazily, and an end that leaves nothing behind."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from threading import Barrier, Event, Lock

import pytest

from edge.ordered_map import WINDOW_PER_THREAD, OrderedMap


def each(function: Callable[[int], int]) -> Callable[[Sequence[int]], list[int]]:
    return lambda items: [function(item) for item in items]


def results(mapped: OrderedMap[int, int]) -> list[int]:
    return [result for result in mapped if result is not None]


def test_results_come_in_order_whichever_is_first_to_finish() -> None:
    second_is_done = Event()

    def function(item: int) -> int:
        if item == 0:
            second_is_done.wait(30)
        else:
            second_is_done.set()
        return item * item

    assert results(OrderedMap(each(function), range(50), 2)) == [i * i for i in range(50)]


def test_items_are_worked_on_at_the_same_time() -> None:
    both = Barrier(2, timeout=30)
    assert results(OrderedMap(each(lambda item: item + 0 * both.wait()), range(20), 2)) == list(range(20))


def test_items_are_read_no_further_than_the_window() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in itertools.count():
            read.append(item)
            yield item

    mapped = iter(OrderedMap(list, items(), 2))
    assert list(itertools.islice((r for r in mapped if r is not None), 10)) == list(range(10))
    mapped.close()  # type: ignore[attr-defined]
    assert len(read) <= 10 + 2 * WINDOW_PER_THREAD + 2


def test_items_under_way_hold_no_more_bytes_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ordered_map.HELD_BYTES", 100)
    lock, held, most = Lock(), [0], [0]

    def items() -> Iterator[int]:
        for size in [60, 30, 10, 60, 250, 10, 99, 1, 1] * 5:
            with lock:
                held[0] += size
            yield size

    mapped = OrderedMap(list, items(), 4, size_of=lambda size: size)
    for size in mapped:
        if size is not None:
            most[0] = max(most[0], held[0])
            with lock:
                held[0] -= size
    # What is allowed, the largest single item that is, and the one that waits at the door.
    assert most[0] <= 250 + 250


def test_an_item_source_that_raises_raises_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise RuntimeError("the list is gone")

    mapped = (result for result in OrderedMap(list, items(), 2) if result is not None)
    assert (next(mapped), next(mapped)) == (1, 2)
    with pytest.raises(RuntimeError, match="the list is gone"):
        next(mapped)


def test_a_function_that_raises_raises_in_its_place_a_timeout_too() -> None:
    def function(item: int) -> int:
        if item == 1:
            raise TimeoutError("of its own")
        return item

    mapped = (result for result in OrderedMap(each(function), range(3), 2) if result is not None)
    assert next(mapped) == 0
    with pytest.raises(TimeoutError, match="of its own"):
        next(mapped)


def test_after_stop_what_is_under_way_is_finished_and_no_more_begun() -> None:
    stop, begun = Event(), []

    def function(item: int) -> int:
        begun.append(item)
        return item

    found = []
    for result in OrderedMap(each(function), itertools.count(), 2, stop):
        if result is not None:
            found.append(result)
        if len(found) == 5:
            stop.set()
    assert found == list(range(len(found)))
    assert sorted(begun) == found


def test_after_stop_what_waits_is_dropped() -> None:
    stop, may_go_on, begun = Event(), Event(), []

    def items() -> Iterator[int]:
        yield from range(WINDOW_PER_THREAD)
        stop.set()  # all of them are read, and the first is in work
        may_go_on.set()

    def function(items: Sequence[int]) -> Sequence[int]:
        begun.extend(items)
        may_go_on.wait(30)
        stopped.wait(30)
        return items

    stopped = Event()
    found = []
    for result in OrderedMap(function, items(), 1, stop):
        stopped.set()
        found += [] if result is None else [result]
    assert found == begun
    assert len(found) < WINDOW_PER_THREAD


def test_what_waits_is_done_together_in_powers_of_two_and_shared_by_the_threads() -> None:
    all_read, groups = Event(), []

    def items() -> Iterator[int]:
        yield from range(30)
        all_read.set()

    def function(items: Sequence[int]) -> Sequence[int]:
        all_read.wait(30)
        groups.append(len(items))
        return items

    assert results(OrderedMap(function, items(), 2, together=8)) == list(range(30))
    assert sum(groups) == 30
    assert set(groups) <= {1, 2, 4, 8}
    assert max(groups) == 8
    assert sorted(groups)[:2] == [1, 1]  # of the last two, each thread gets one


def test_one_of_several_that_makes_the_function_fail_is_found() -> None:
    def function(items: Sequence[int]) -> Sequence[int]:
        if 5 in items:
            raise ValueError("five")
        return items

    mapped = (result for result in OrderedMap(function, range(9), 1, together=8) if result is not None)
    assert [next(mapped) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(mapped)


def test_results_do_not_wait_for_a_source_that_waits_and_stop_ends_it() -> None:
    read_end, write_end = os.pipe()
    stop = Event()

    def items() -> Iterator[int]:
        with open(read_end, "rb", buffering=0) as pipe:
            while number := pipe.read(1):
                yield number[0]

    os.write(write_end, bytes([7, 8]))
    found = []
    for result in OrderedMap(list, items(), 2, stop):
        found += [] if result is None else [result]
        if found == [7, 8]:
            stop.set()
    assert found == [7, 8]
    os.close(write_end)
