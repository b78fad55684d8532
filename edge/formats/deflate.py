"""Whether streams of zlib inside a file are whole, to their checksum.

It exists because OpenCV lets libtiff go on after a damaged strip, and half a picture would come out.
"""

import zlib
from collections.abc import Iterable

from edge.errors import ImageError

INFLATED_AT_ONCE = 1 << 20


def require_sound(encoded: memoryview, streams: Iterable[tuple[int, int]], largest_bytes: int) -> None:
    """Raise ImageError if one of `streams`, (place, size) in `encoded`, is damaged, or all hold more than can be."""
    left = largest_bytes
    for place, size in streams:
        left -= _inflated_bytes(encoded[place : place + size], left)


def _inflated_bytes(packed: memoryview, limit: int) -> int:
    """Return how much there is inside, inflated piece by piece, so that memory does not grow."""
    inflating, inflated = zlib.decompressobj(), 0
    rest: bytes | memoryview = packed
    try:
        while not inflating.eof:
            piece = inflating.decompress(rest, INFLATED_AT_ONCE)
            rest = inflating.unconsumed_tail
            inflated += len(piece)
            if inflated > limit or not (piece or rest or inflating.eof):
                raise ImageError("corrupt", "its pixels are more than its header says, or end too early")
    except zlib.error as error:
        raise ImageError("corrupt", f"its pixels are damaged ({error})") from None
    return inflated
