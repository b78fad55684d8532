"""Pieces of a TIFF that hold too little are refused, however it is cut; whole ones give what Pillow gives."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest

from edge.decode import decode_image
from edge.errors import ImageError
from edge.formats import tiff_strips
from edge.formats.tiff_strips import MOST_STRIPS, REVERSED_BITS
from edge.image_header import read_header
from tests.edge.pictures import LONG, SHORT, encode, image, noise, seen_by_pillow, tiff_of

HEIGHT, WIDTH = 44, 52
PIXELS = noise(HEIGHT, WIDTH, 3)
DEFLATE, PACKBITS = 8, 32773


def pack_bits(content: bytes) -> bytes:
    return b"".join(bytes([len(run) - 1]) + run for run in (content[i : i + 128] for i in range(0, len(content), 128)))


PACK: dict[int, Callable[[bytes], bytes]] = {DEFLATE: zlib.compress, PACKBITS: pack_bits}


def numbers(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def tiff(
    pieces: list[bytes], *more: tuple[int, int, int], tiled: bool = False, bits: int = 8, shape: tuple[int, ...] = ()
) -> bytes:
    """A TIFF of packed `pieces` with `more` entries of one number: (tag, type, number)."""
    height, width, channels = shape or PIXELS.shape
    behind = 1000
    places = np.cumsum([behind + 8 * len(pieces), *map(len, pieces[:-1])]).tolist()
    sizes = [len(piece) for piece in pieces]
    entries = [
        (256, LONG, 1, numbers([width])),
        (257, LONG, 1, numbers([height])),
        (258, SHORT, 1, numbers([bits])),
        (277, SHORT, 1, numbers([channels])),
        *((tag, kind, 1, numbers([number])) for tag, kind, number in more),
        (324 if tiled else 273, LONG, len(pieces), numbers(places if len(pieces) == 1 else [behind])),
        (325 if tiled else 279, LONG, len(pieces), numbers(sizes if len(pieces) == 1 else [behind + 4 * len(pieces)])),
    ]
    return tiff_of(sorted(entries)).ljust(behind, b"\0") + numbers(places) + numbers(sizes) + b"".join(pieces)


def strips(samples: np.ndarray, rows: int) -> list[bytes]:
    return [samples[row : row + rows].tobytes() for row in range(0, len(samples), rows)]


def tiles(samples: np.ndarray, side: int) -> list[bytes]:
    height, width = (-(-length // side) * side for length in samples.shape[:2])
    padded = np.zeros((height, width, samples.shape[2]), np.uint8)
    padded[: samples.shape[0], : samples.shape[1]] = samples
    corners = ((y, x) for y in range(0, height, side) for x in range(0, width, side))
    return [padded[y : y + side, x : x + side].tobytes() for y, x in corners]


COLOUR, BOX = (262, SHORT, 2), ((322, LONG, 16), (323, LONG, 16))
CUTS = {
    "one strip": (strips(PIXELS, HEIGHT), [COLOUR], False),
    "strips": (strips(PIXELS, 8), [COLOUR, (278, LONG, 8)], False),
    "rows": (strips(PIXELS, 1), [COLOUR, (278, LONG, 1)], False),
    "tiles": (tiles(PIXELS, 16), [COLOUR, *BOX], True),
    "planes": (
        [strip for plane in np.moveaxis(PIXELS, 2, 0) for strip in strips(plane, 30)],
        [COLOUR, (278, LONG, 30), (284, SHORT, 2)],
        False,
    ),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("compression", [DEFLATE, PACKBITS], ids=["deflate", "packbits"])
def test_every_piece_must_hold_all_that_the_picture_needs(compression: int, cut: str) -> None:
    pieces, more, tiled = CUTS[cut]
    pack = PACK[compression]
    whole = tiff([pack(piece) for piece in pieces], *more, (259, SHORT, compression), tiled=tiled)
    assert np.array_equal(decode_image(whole).pixels, PIXELS)
    for short in (0, len(pieces) // 2, len(pieces) - 1):
        for length in (0, len(pieces[short]) // 2, len(pieces[short]) - 1):
            cut_short = [pack(piece[:length] if i == short else piece) for i, piece in enumerate(pieces)]
            with pytest.raises(ImageError) as caught:
                decode_image(tiff(cut_short, *more, (259, SHORT, compression), tiled=tiled))
            assert caught.value.code == "corrupt"


@pytest.mark.parametrize("compression", ["packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_what_pillow_writes_is_whole(mode: str, compression: str) -> None:
    picture = image(37, 53, 3).convert(mode.replace("I;16", "I")).convert(mode)
    encoded = encode(picture, "TIFF", compression=compression)
    decoded = decode_image(encoded).pixels
    if mode in ("1", "L", "RGB", "CMYK"):  # of the others Pillow or libtiff rounds
        assert np.array_equal(decoded, seen_by_pillow(encoded))
    assert decoded.shape == (37, 53, 3)


def test_the_coarser_colours_of_ycbcr_need_fewer_bytes() -> None:
    # Two by two pixels share a colour (TIFF 6.0, section 21): four levels of brightness and two of colour, here grey.
    blocks = bytes([90, 90, 90, 90, 128, 128]) * (-(-HEIGHT // 2) * -(-WIDTH // 2))
    for content, whole in ((blocks, True), (blocks[:-1], False)):
        encoded = tiff([zlib.compress(content)], (259, SHORT, DEFLATE), (262, SHORT, 6))
        if whole:
            assert np.array_equal(decode_image(encoded).pixels, np.full((HEIGHT, WIDTH, 3), 90))
        else:
            with pytest.raises(ImageError, match="fewer than its header says"):
                decode_image(encoded)


@pytest.mark.parametrize("compression", [DEFLATE, PACKBITS], ids=["deflate", "packbits"])
def test_bytes_may_begin_with_their_lowest_bit(compression: int) -> None:
    packed = PACK[compression](PIXELS.tobytes())
    turned = tiff([packed.translate(REVERSED_BITS)], COLOUR, (259, SHORT, compression), (266, SHORT, 2))
    # libtiff turns the bits of what was packed; Pillow, which uses it too, agrees.
    assert np.array_equal(decode_image(turned).pixels, PIXELS)
    assert np.array_equal(seen_by_pillow(turned), PIXELS)


@pytest.mark.parametrize("compression", [DEFLATE, PACKBITS], ids=["deflate", "packbits"])
def test_one_strip_need_not_say_how_long_it_is(compression: int) -> None:
    packed = PACK[compression](PIXELS.tobytes())
    more = (COLOUR, (259, SHORT, compression))
    unsaid = tiff([packed], *more).replace(struct.pack("<HHI", 279, LONG, 1), struct.pack("<HHI", 65_000, LONG, 1))
    assert np.array_equal(decode_image(unsaid).pixels, PIXELS)
    short = PACK[compression](PIXELS[:-1].tobytes())
    unsaid = tiff([short], *more).replace(struct.pack("<HHI", 279, LONG, 1), struct.pack("<HHI", 65_000, LONG, 1))
    with pytest.raises(ImageError):
        decode_image(unsaid)


def test_a_picture_whose_strips_stand_nowhere_is_corrupt() -> None:
    whole = tiff([zlib.compress(PIXELS.tobytes())], COLOUR, (259, SHORT, DEFLATE))
    with pytest.raises(ImageError, match="header") as caught:
        decode_image(whole.replace(struct.pack("<HHI", 273, LONG, 1), struct.pack("<HHI", 272, LONG, 1)))
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize("tag", [258, 273, 277, 279])
def test_an_entry_without_content_makes_a_picture_corrupt(tag: int) -> None:
    whole = tiff([zlib.compress(PIXELS.tobytes())], COLOUR, (259, SHORT, DEFLATE), (284, SHORT, 2))
    (entry,) = (i for i in range(10, 150, 12) if whole[i : i + 2] == struct.pack("<H", tag))
    for empty in (struct.pack("<II", 0, 1), struct.pack("<II", 1, 0), bytes(8)):
        with pytest.raises(ImageError) as caught:
            decode_image(whole[: entry + 4] + empty + whole[entry + 12 :])
        assert caught.value.code == "corrupt"


def test_a_picture_with_too_few_strips_is_corrupt() -> None:
    with pytest.raises(ImageError, match="header") as caught:
        decode_image(tiff(list(map(zlib.compress, strips(PIXELS, 8)[:-1])), COLOUR, (259, SHORT, 8), (278, LONG, 8)))
    assert caught.value.code == "corrupt"


def test_more_strips_than_a_picture_can_have_are_not_looked_at() -> None:
    packed = list(map(zlib.compress, strips(PIXELS, 8)))
    encoded = tiff([*packed, b"no stream of zlib"], COLOUR, (259, SHORT, 8), (278, LONG, 8))
    assert np.array_equal(decode_image(encoded).pixels, PIXELS)  # as libtiff and Pillow see it
    assert np.array_equal(seen_by_pillow(encoded), PIXELS)


def test_strips_that_overlap_are_not_inflated_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counted(packed: memoryview, limit: int) -> tuple[int, int]:
        read.append(len(packed))
        return inflated_bytes(packed, limit)

    inflated_bytes = tiff_strips.inflated_bytes
    monkeypatch.setattr(tiff_strips, "inflated_bytes", counted)
    # Blocks without content, each of five bytes, and at last the pixel. All strips begin there, but none is the same.
    rows, places, behind = 200, 2000, 4000
    stream = zlib.compress(b"\7", 0)[:2] + b"\0\0\0\xff\xff" * 10_000 + zlib.compress(b"\7", 0)[2:]
    assert zlib.decompress(stream) == b"\7"
    header = tiff_of(
        [
            *((tag, LONG, 1, numbers([value])) for tag, value in ((256, 1), (257, rows), (258, 8), (259, 8), (262, 1))),
            (273, LONG, rows, numbers([places])),
            *((tag, LONG, 1, numbers([1])) for tag in (277, 278)),
            (279, LONG, rows, numbers([places + 4 * rows])),
        ]
    )
    extents = numbers([behind] * rows) + numbers([len(stream) + i for i in range(rows)])
    head = (header.ljust(places, b"\0") + extents).ljust(behind, b"\0")
    same = (header.ljust(places, b"\0") + numbers([behind] * rows + [len(stream)] * rows)).ljust(behind, b"\0")
    assert np.array_equal(decode_image(same + stream).pixels, np.full((rows, 1, 3), 7))
    assert read == [len(stream)]
    with pytest.raises(ImageError) as caught:
        decode_image(head + stream)
    assert caught.value.code == "corrupt"
    assert sum(read) < 3 * len(head + stream)


def test_a_picture_in_more_pieces_than_anyone_cuts_is_corrupt() -> None:
    encoded = tiff(
        [zlib.compress(b"\0")] * (MOST_STRIPS + 1), (259, SHORT, 8), (278, LONG, 1), shape=(MOST_STRIPS + 1, 1, 1)
    )
    with pytest.raises(ImageError, match="262,145 pieces; 262,144 are the limit"):
        decode_image(encoded)


class LargestRead(BytesIO):
    size = 0

    def read(self, size: int | None = -1) -> bytes:
        self.size = max(self.size, size or 0)
        return super().read(size)


@pytest.mark.parametrize("tag", [273, 279, 530])
def test_numbers_that_the_file_cannot_hold_are_not_asked_for(tag: int) -> None:
    encoded = tiff([zlib.compress(PIXELS.tobytes())], COLOUR, (259, SHORT, 8), (530, SHORT, 1))
    (entry,) = (i for i in range(10, 150, 12) if encoded[i : i + 2] == struct.pack("<H", tag))
    stream = LargestRead(encoded[: entry + 4] + numbers([2**32 - 1]) + encoded[entry + 8 :])
    with pytest.raises(ImageError) as caught:
        read_header(stream)
    assert caught.value.code == "corrupt"
    assert stream.size <= 16
