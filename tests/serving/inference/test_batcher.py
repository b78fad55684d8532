"""The micro-batcher: batches of what waits, nobody waits too long, each item once."""

import threading
from collections.abc import Sequence

import pytest

import serving.inference.batcher
from serving.inference.batcher import MicroBatcher

FOREVER_S = 3600.0
SIZES = (1, 2, 4, 8)


class Recorder:
    """A network that notes its batches, and that a test can hold up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items: Sequence[int]) -> None:
        self.entered.release()
        assert self.gate.wait(30)
        self.batches.append(list(items))


def started(call: object, *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=call, args=arguments)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_a_lone_item_runs_before_put_returns() -> None:
    run = Recorder()
    batcher = MicroBatcher(run, SIZES, FOREVER_S)
    batcher.expect()
    batcher.put(7)
    assert run.batches == [[7]]
    batcher.close()


def test_an_item_waits_for_those_that_are_expected_and_goes_with_them() -> None:
    run = Recorder()
    batcher = MicroBatcher(run, SIZES, FOREVER_S)
    for _ in range(4):
        batcher.expect()
    for item in range(3):
        batcher.put(item)
        assert run.batches == []
    batcher.put(3)
    assert run.batches == [[0, 1, 2, 3]]
    batcher.close()


def test_one_that_will_not_come_is_not_waited_for() -> None:
    run = Recorder()
    batcher = MicroBatcher(run, SIZES, FOREVER_S)
    batcher.expect()
    batcher.expect()
    batcher.put(1)
    assert run.batches == []
    batcher.drop()
    assert run.batches == [[1]]
    batcher.close()


def test_a_lone_item_is_held_as_long_as_promised_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is expected and never comes; only the batcher's own thread can run the first."""
    now_s, ran_at_s, run = [0.0], [], Recorder()
    monkeypatch.setattr(serving.inference.batcher, "monotonic", lambda: now_s[0])

    def note_and_run(items: Sequence[int]) -> None:
        ran_at_s.append(now_s[0])
        run(items)

    batcher = MicroBatcher(note_and_run, SIZES, 0.01)
    batcher.expect()
    batcher.expect()
    batcher.put(1)
    assert run.batches == []
    now_s[0] = 0.01
    assert run.entered.acquire(timeout=30)
    batcher.drop()
    batcher.close()
    assert (run.batches, ran_at_s) == ([[1]], [0.01])


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (3, [2, 1]), (7, [4, 2, 1]), (8, [8]), (21, [8, 8, 4, 1])])
def test_batches_have_fixed_sizes_and_the_oldest_go_first(count: int, sizes: list[int]) -> None:
    run = Recorder()
    run.gate.clear()
    batcher = MicroBatcher(run, SIZES, FOREVER_S)
    batcher.expect()
    first = started(batcher.put, -1)
    assert run.entered.acquire(timeout=30)  # the network is busy while the rest arrives
    for _ in range(count):
        batcher.expect()
    for item in range(count):
        batcher.put(item)
    run.gate.set()
    first.join()
    batcher.close()
    assert [len(batch) for batch in run.batches] == [1, *sizes]
    assert [item for batch in run.batches[1:] for item in batch] == list(range(count))


@pytest.mark.parametrize("max_wait_s", [0.0, 0.0005, FOREVER_S])
def test_every_item_of_many_threads_runs_once_and_batches_never_overlap(max_wait_s: float) -> None:
    running, found, overlaps = threading.Lock(), [], []

    def run(items: Sequence[int]) -> None:
        if not running.acquire(blocking=False):
            overlaps.append(items)
        found.extend(items)
        running.release()

    batcher = MicroBatcher(run, SIZES, max_wait_s)

    def produce(start: int) -> None:
        for item in range(start, start + 300):
            batcher.expect()
            if item % 7 == 0:
                batcher.drop()
            else:
                batcher.put(item)

    threads = [started(produce, 1000 * i) for i in range(6)]
    for thread in threads:
        thread.join()
    batcher.close()
    assert overlaps == []
    assert sorted(found) == [i for start in range(6) for i in range(1000 * start, 1000 * start + 300) if i % 7]
