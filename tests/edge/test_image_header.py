"""What a header claims, against the size that Pillow reads."""

import struct
from io import BytesIO

import pytest
from PIL import Image

from edge.errors import ImageError
from edge.formats.jpeg import MOST_MARKERS
from edge.image_header import ImageHeader, read_header
from tests.edge.pictures import (
    LONG,
    PNG_MAGIC,
    SHORT,
    WITH_LATER_PICTURES,
    animation,
    encode,
    image,
    noise,
    orientation_tag,
    png,
    png_chunk,
    tiff,
    tiff_of,
    whole_files,
)

WHOLE = whole_files() | WITH_LATER_PICTURES
PALETTE = image(12, 20, 3).quantize(16)


def header_of(encoded: bytes) -> ImageHeader:
    return read_header(BytesIO(encoded))


def code_of(encoded: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        header_of(encoded)
    return caught.value.code


@pytest.mark.parametrize("kind", WHOLE)
def test_size_and_format_are_those_that_pillow_reads(kind: str) -> None:
    header = header_of(WHOLE[kind])
    with Image.open(BytesIO(WHOLE[kind])) as picture:
        assert (header.width, header.height) == picture.size
        assert header.format.upper() == (picture.format if picture.format != "PPM" else "PNM")


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (257, 3), (5000, 2)], ids=str)
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_sides_of_one_byte_and_of_more_are_read(format_: str, size: tuple[int, int]) -> None:
    header = header_of(encode(Image.new("RGB", size), format_))
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    "encoded",
    [
        encode(image(12, 20, 3), "JPEG", exif=orientation_tag(6).tobytes() + b"\xff\xc0" + bytes(30_000)),
        encode(image(12, 20, 3), "JPEG", icc_profile=bytes(200_000), comment=b"\xff\xd8\xff\xc0"),
        encode(image(12, 20, 3), "JPEG").replace(b"\xff\xc0", b"\xff\xff\xff\xff\xc0", 1),
        encode(image(12, 20, 3), "JPEG").replace(b"\xff\xc0", b"\xff" * 200_000 + b"\xc0", 1),
        encode(image(12, 20, 3), "JPEG").replace(b"\xff\xc0", b"\xff\x01" * 900 + b"\xff\xc0", 1),
        encode(image(12, 20, 3), "WEBP", icc_profile=bytes(1000), exif=orientation_tag(1)),
        png(noise(12, 20, 3), png_chunk(b"tEXt", b"Title\0" + bytes(100_000))),
        tiff(noise(12, 20, 3), order=">"),
        tiff_of([(256, SHORT, 1, b"\x14\0"), (257, LONG, 1, b"\x0c\0\0\0")]),
        b"P6#\n# 99 99\n20 # 99\n#\n12\n255\n",
        b"P6\r\n20\t12\r\n255\n",
        b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 20, 12, 1, 24),
        b"BM" + bytes(12) + struct.pack("<IiiHH", 124, 20, -12, 1, 24),
    ],
    ids=[
        *("jpeg-long-exif", "jpeg-long-profile", "jpeg-fill-bytes", "jpeg-much-fill"),
        *("jpeg-markers-alone", "webp-extended", "png-long-text"),
        *("tiff-big-endian", "tiff-short-sides", "ppm-comments", "ppm-white-space"),
        *("bmp-of-12-bytes", "bmp-of-124-bytes"),
    ],
)
def test_what_stands_around_the_size_is_passed_over(encoded: bytes) -> None:
    header = header_of(encoded)
    assert (header.width, header.height) == (20, 12)


@pytest.mark.parametrize(
    ("encoded", "may_have_alpha"),
    [
        (encode(image(12, 20, 3), "PNG"), False),
        (encode(image(12, 20, 4), "PNG"), True),
        (encode(image(12, 20, 4).convert("LA"), "PNG"), True),
        (encode(PALETTE, "PNG"), False),
        (encode(PALETTE, "PNG", transparency=1), True),
        (encode(image(12, 20, 3), "WEBP"), False),
        (encode(image(12, 20, 4), "WEBP"), True),
        (encode(image(12, 20, 3), "WEBP", lossless=True), False),
        (encode(image(12, 20, 4), "WEBP", lossless=True), True),
        (encode(image(12, 20, 3), "TIFF"), False),
        (encode(image(12, 20, 4), "TIFF"), True),
        (tiff(noise(12, 20, 4), extra=0), False),
        (encode(image(12, 20, 3), "JPEG"), False),
    ],
    ids=[
        *("png", "png-rgba", "png-la", "png-palette", "png-palette-transparent"),
        *("webp", "webp-rgba", "webp-lossless", "webp-lossless-rgba", "tiff", "tiff-rgba", "tiff-extra", "jpeg"),
    ],
)
def test_transparency_is_found(encoded: bytes, may_have_alpha: bool) -> None:
    assert header_of(encoded).may_have_alpha is may_have_alpha


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_pictures_are_found(format_: str) -> None:
    assert header_of(animation(format_)).several
    assert not header_of(encode(image(12, 20, 3), format_)).several


def test_a_gif_of_one_picture_with_comments_is_no_animation() -> None:
    assert not header_of(encode(PALETTE, "GIF", comment=b"," * 600, loop=0)).several


@pytest.mark.parametrize(
    "encoded",
    [
        png(noise(12, 20, 3)).replace(struct.pack(">II", 20, 12), struct.pack(">II", 0, 12)),
        b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", 0, 20) + b"\1\1\x11\0",
        b"GIF89a" + struct.pack("<HHBBB", 0, 12, 0, 0, 0) + b";",
        b"BM" + bytes(12) + struct.pack("<IiiHH", 40, -20, 12, 1, 24),
        b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 20, 0, 1, 24),
        tiff_of([(256, LONG, 1, b"\x14\0\0\0")]),
        b"P6\n0 12\n255\n",
        b"P6\n-20 12\n255\n",
        b"P6\ntwenty 12\n255\n",
        b"P6 20",
        b"\xff\xd8\xff\xe0\0\0\xff\xc0",
        b"\xff\xd8\xff\xd9",
        b"II*\0" + struct.pack("<I", 1 << 31),
        PNG_MAGIC,
        b"RIFF\0\0\0\0WEBPVP9 ",
    ],
    ids=[
        *("png-no-width", "jpeg-no-height", "gif-no-width", "bmp-minus-width", "bmp-no-height", "tiff-no-height"),
        *("ppm-no-width", "ppm-minus-width", "ppm-words", "ppm-short", "jpeg-no-length", "jpeg-no-frame"),
        *("tiff-no-directory", "png-no-header", "webp-unknown"),
    ],
)
def test_a_header_that_makes_no_sense_is_corrupt(encoded: bytes) -> None:
    assert code_of(encoded) == "corrupt"


class CountedReads(BytesIO):
    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize(
    ("unit", "most_reads"),
    [(b"\xff", 50), (b"\xff\x01", MOST_MARKERS + 50), (b"\xff\xe0\0\2", 2 * MOST_MARKERS + 50)],
    ids=["fill", "markers alone", "empty segments"],
)
def test_a_jpeg_without_a_frame_header_is_not_searched_step_by_step(unit: bytes, most_reads: int) -> None:
    stream = CountedReads(b"\xff\xd8" + unit * 1_000_000)
    with pytest.raises(ImageError) as caught:
        read_header(stream)
    assert caught.value.code == "corrupt"
    assert stream.reads <= most_reads


@pytest.mark.parametrize("kind", WHOLE)
def test_a_header_cut_short_has_one_of_three_codes(kind: str) -> None:
    codes = []
    for length in range(200):
        try:
            header_of(WHOLE[kind][:length])
        except ImageError as error:
            codes.append(error.code)
    assert codes[0] == "empty"
    assert set(codes[1:]) == {"not_an_image", "corrupt"}
    assert codes[1:] == sorted(codes[1:], reverse=True)  # once the magic is there, it is never doubted again
