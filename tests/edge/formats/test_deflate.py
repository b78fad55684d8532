"""Streams of zlib against what Python's zlib put into them."""

import tracemalloc
import zlib

import pytest

from edge.errors import ImageError
from edge.formats.deflate import INFLATED_AT_ONCE, READ_AT_ONCE, inflated_bytes
from tests.edge.pictures import noise

CONTENTS = {
    "empty": b"",
    "short": b"eyespot",
    "zeros": bytes(3 * INFLATED_AT_ONCE + 1),
    "noise": noise(3 * READ_AT_ONCE + 1).tobytes(),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_both_sizes_are_those_of_zlib(kind: str) -> None:
    content = CONTENTS[kind]
    packed = zlib.compress(content)
    for behind in (b"", bytes(10), bytes(READ_AT_ONCE)):
        assert inflated_bytes(memoryview(packed + behind), len(content)) == (len(packed), len(content))


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_stream_that_ends_early_or_holds_more_is_corrupt(kind: str) -> None:
    content = CONTENTS[kind]
    packed = zlib.compress(content)
    for part in (b"", packed[:-1], packed[: len(packed) // 2]):
        with pytest.raises(ImageError, match="end too early"):
            inflated_bytes(memoryview(part), len(content))
    if content:
        with pytest.raises(ImageError, match="more than its header says"):
            inflated_bytes(memoryview(packed), len(content) - 1)


def test_what_stands_behind_a_stream_is_not_copied() -> None:
    file = memoryview(zlib.compress(b"eyespot") + bytes(1 << 24))
    tracemalloc.start()
    try:
        inflated_bytes(file, 7)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
