"""Workers share the cores that there are."""

from edge.runtime import usable_cores
from serving.cores import threads_per_worker


def test_threads_are_divided_and_never_none() -> None:
    assert threads_per_worker(1, 0) == usable_cores()
    assert threads_per_worker(10_000, 0) == 1
    assert threads_per_worker(2, 5) == 5
