"""How much there is inside a strip packed by PackBits (TIFF 6.0, section 9)."""

import re

NOTHING = 128
# Found as one: a file may hold megabytes of them.
OTHER = re.compile(rb"[^\x80]")


def unpacked_bytes(packed: memoryview, needed: int) -> tuple[int, int]:
    """Return how many bytes of `packed` it takes for `needed` ones, and how many these are.

    They are fewer where it ends early.
    """
    read = unpacked = 0
    while unpacked < needed and read < len(packed):
        head = packed[read]
        if head < NOTHING:  # so many bytes follow, and one more
            run = min(head + 1, needed - unpacked)
            taken = 1 + run
        elif head > NOTHING:  # the byte that follows stands for so many
            run, taken = min(257 - head, needed - unpacked), 2
        else:
            found = OTHER.search(packed, read)
            run, taken = 0, (found.start() if found else len(packed)) - read
        if read + taken > len(packed):
            break
        read += taken
        unpacked += run
    return read, unpacked
