"""Names sorted through temporary files are names sorted."""

import os
import random
import tracemalloc

import pytest

from edge.sorted_names import sorted_names

ODD = ["", "new\nline", "a", "a b", "Ä", "猫", os.fsdecode(b"gr\xfcn"), "\x01", "zz"]


@pytest.mark.parametrize("in_memory", [1, 2, 3, 9, 10, 1000])
def test_any_number_in_memory_gives_the_order_of_sorted(in_memory: int) -> None:
    names = ODD * 3
    random.Random(0).shuffle(names)
    assert list(sorted_names(names, in_memory)) == sorted(names)


def test_memory_does_not_grow_with_the_names() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        names = sorted_names((f"picture {i * 7919 % count:07}.jpeg" for i in range(count)), in_memory=1000)
        assert sum(1 for _ in names) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2_000)
    # Each temporary file has a buffer; the names of 20,000 more would take 1.6 MB.
    assert peak(30_000) < peak(10_000) + 600_000
