"""How much there is inside a stream of zlib, and whether it is whole, to its checksum."""

import zlib

from edge.errors import ImageError

INFLATED_AT_ONCE = 1 << 20
# zlib copies what is behind the end of a stream, which may be the rest of a file.
READ_AT_ONCE = 1 << 16


def inflated_bytes(packed: memoryview, limit: int) -> tuple[int, int]:
    """Return how many bytes of `packed` the stream takes, and how many there are inside.

    It is inflated piece by piece, so that memory does not grow. Raises ImageError if the stream is damaged, ends
    early or holds more than `limit`.
    """
    inflating, read, inflated = zlib.decompressobj(), 0, 0
    rest: bytes | memoryview = b""
    try:
        while not inflating.eof:
            if not rest:
                rest = packed[read : read + READ_AT_ONCE]
                read += len(rest)
            piece = inflating.decompress(rest, INFLATED_AT_ONCE)
            inflated += len(piece)
            if inflated > limit or not (piece or rest or inflating.eof):
                raise ImageError("corrupt", "its pixels are more than its header says, or end too early")
            rest = inflating.unconsumed_tail
    except zlib.error as error:
        raise ImageError("corrupt", f"its pixels are damaged ({error})") from None
    return read - len(inflating.unused_data), inflated
