"""PackBits against the example of its inventor, and against what Pillow packs."""

from io import BytesIO

import pytest
from PIL import Image

from edge.formats.packbits import unpacked_bytes
from tests.edge.pictures import encode, image

# Apple's Technical Note TN1023, "Understanding PackBits": 15 bytes that stand for 24.
EXAMPLE = bytes.fromhex("FE AA 02 80 00 2A FD AA 03 80 00 2A 22 F7 AA")
ENDS_OF_RUNS = {0: 0, 2: 3, 6: 6, 8: 10, 13: 14, 15: 24}


def test_the_example_of_apple_is_counted() -> None:
    assert unpacked_bytes(memoryview(EXAMPLE), 24) == (15, 24)
    assert unpacked_bytes(memoryview(EXAMPLE), 1000) == (15, 24)


@pytest.mark.parametrize("length", range(15))
def test_a_run_that_is_cut_off_does_not_count(length: int) -> None:
    whole = max(end for end in ENDS_OF_RUNS if end <= length)
    assert unpacked_bytes(memoryview(EXAMPLE[:length]), 24) == (whole, ENDS_OF_RUNS[whole])


def test_no_more_is_read_than_is_needed() -> None:
    assert unpacked_bytes(memoryview(EXAMPLE), 8) == (8, 8)
    assert unpacked_bytes(memoryview(EXAMPLE), 3) == (2, 3)


def test_bytes_that_stand_for_nothing_are_passed_over() -> None:
    assert unpacked_bytes(memoryview(b"\x80" * 1_000_000 + b"\xff*" + b"\x80" * 9), 5) == (1_000_011, 2)


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_what_pillow_packs_holds_the_picture(mode: str) -> None:
    picture = image(50, 70, 3).quantize(4).convert(mode)
    encoded = encode(picture, "TIFF", compression="packbits")
    with Image.open(BytesIO(encoded)) as opened:
        (place,), (size,) = opened.tag_v2[273], opened.tag_v2[279]
    needed = len(picture.tobytes())
    assert unpacked_bytes(memoryview(encoded)[place : place + size], needed + 1) == (size, needed)
