"""What is tried: every number of threads on a Pi, doubles of them on a server."""

from pathlib import Path

import pytest

from edge.tune.configuration import Configuration, configurations, thread_counts


@pytest.mark.parametrize(
    ("cores", "counts"),
    [
        (1, [1]),
        (2, [1, 2]),
        (4, [1, 2, 3, 4]),
        (6, [1, 2, 3, 4, 6]),
        (8, [1, 2, 3, 4, 8]),
        (20, [1, 2, 3, 4, 8, 16, 20]),
    ],
)
def test_numbers_of_threads(cores: int, counts: list[int]) -> None:
    assert thread_counts(cores) == counts


def test_a_single_thread_neither_spins_nor_rests() -> None:
    paths = [Path("a"), Path("b")]
    ways = ((1, True), (2, True), (2, False), (1, True, True))  # the last for many images at once
    expected = [(path, *way) for path in paths for way in ways]
    assert list(configurations(paths, 2)) == [Configuration(*way) for way in expected]
