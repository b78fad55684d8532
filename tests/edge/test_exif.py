"""Orientation, against what Pillow writes and how Pillow turns."""

import struct

import numpy as np
import pytest
from PIL import Image

from edge.exif import apply_orientation, read_orientation
from tests.edge.pictures import noise, orientation_tag

# https://exiftool.org/TagNames/EXIF.html, tag 0x0112.
PILLOW_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def block(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(struct.pack(f"{order}HHIHxx", *entry) for entry in entries)
    return magic + struct.pack(f"{order}IH", 8, len(entries)) + packed + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_pillow_writes_is_read(orientation: int) -> None:
    written = orientation_tag(orientation).tobytes()
    assert written.startswith(b"Exif\0\0")
    assert read_orientation(written) == orientation
    assert read_orientation(written.removeprefix(b"Exif\0\0")) == orientation


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_both_byte_orders_are_read_past_other_entries(order: str) -> None:
    assert read_orientation(block(order, (0x0100, 3, 1, 8), (0x0112, 3, 1, 6), (0x0131, 3, 1, 3))) == 6


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"Exif\0\0",
        b"hello",
        block("<"),
        block("<", (0x0112, 3, 1, 0)),
        block("<", (0x0112, 3, 1, 9)),
        block(">", (0x0112, 3, 1, 6)).replace(b"MM", b"II"),
        b"II*\0\xff\xff\xff\xff",
    ],
    ids=["nothing", "prefix", "text", "no-entry", "0", "9", "wrong-order", "far-directory"],
)
def test_what_says_nothing_valid_is_upright(encoded: bytes) -> None:
    assert read_orientation(encoded) == 1


def test_a_block_cut_short_is_upright_until_the_entry_is_whole() -> None:
    whole = block("<", (0x0112, 3, 1, 6))
    entry_ends = 8 + 2 + 10  # the last two bytes of the entry are padding
    found = [read_orientation(whole[:length]) for length in range(len(whole) + 1)]
    assert found == [1] * entry_ends + [6] * (len(whole) + 1 - entry_ends)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_pillow_turns_it(orientation: int) -> None:
    pixels = noise(5, 7, 3)
    picture = Image.fromarray(pixels)
    turned = picture.transpose(PILLOW_TURNS[orientation]) if orientation in PILLOW_TURNS else picture
    result = apply_orientation(pixels, orientation)
    assert np.array_equal(result, np.asarray(turned))
    assert result.flags["C_CONTIGUOUS"]
