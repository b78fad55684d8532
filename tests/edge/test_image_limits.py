"""What is too large is refused from its header, and what is no regular file is refused before it is read."""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ImageError
from edge.formats import count_scans
from edge.image import MOST_SCANS, decode_image, read_image
from edge.steps import Resize
from tests.edge.pictures import LONG, LONG8, PNG_MAGIC, SHORT, encode, image, noise, png, png_chunk, tiff_of

SIDE = 30_000


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def png_header(width: int, height: int) -> bytes:
    return PNG_MAGIC + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def gif_with_screen(width: int, height: int) -> bytes:
    whole = encode(image(4, 4), "GIF")
    return whole[:6] + struct.pack("<HH", width, height) + whole[10:]


def grey_of(side: int, order: str) -> list[tuple[int, int, int, bytes]]:
    """The entries of a grey TIFF of so many pixels each way, whose only strip begins at byte 8."""
    values = ((256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1))
    return [(tag, LONG, 1, struct.pack(f"{order}I", value)) for tag, value in values]


def disguised_tiff(*sides: tuple[int, int, int, bytes]) -> bytes:
    """A valid TIFF of 12,000 x 12,000 black pixels whose entries for width and height are `sides`.

    Its 40 strips are one and the same. At byte 600 is 12,000 in 64 bits, then their offsets and lengths.
    """
    strip = zlib.compress(bytes(12_000 * 300))
    entries = [
        *sides,
        (258, SHORT, 1, b"\x08\0"),
        (259, SHORT, 1, b"\x08\0"),
        (262, SHORT, 1, b"\1\0"),
        (273, LONG, 40, u32(608)),
        (277, SHORT, 1, b"\1\0"),
        (278, LONG, 1, u32(300)),
        (279, LONG, 40, u32(768)),
    ]
    return tiff_of(entries).ljust(600, b"\0") + struct.pack("<Q80I", 12_000, *[928] * 40, *[len(strip)] * 40) + strip


def tiled_tiff() -> bytes:
    """A valid TIFF of one pixel in a tile of 8,192 x 8,192."""
    tile = zlib.compress(bytes(8192 * 8192), 1)
    entries = [
        *((tag, LONG, 1, u32(1)) for tag in (256, 257)),
        *((tag, SHORT, 1, bytes([value, 0])) for tag, value in ((258, 8), (259, 8), (262, 1), (277, 1))),
        *((tag, LONG, 1, u32(value)) for tag, value in ((322, 8192), (323, 8192), (324, 600), (325, len(tile)))),
    ]
    return tiff_of(entries).ljust(600, b"\0") + tile


HEADERS = {
    "png": png_header(SIDE, SIDE) + png_chunk(b"IDAT", b"x") + png_chunk(b"IEND"),
    "jpeg": b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", SIDE, SIDE) + b"\1\1\x11\0",
    "gif": gif_with_screen(SIDE, SIDE),
    "bmp": b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, *[0] * 6),
    "bmp-from-the-top": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, SIDE, -SIDE, 1, 24, *[0] * 6),
    "bmp-old": b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, SIDE, SIDE, 1, 24),
    "tiff": tiff_of(grey_of(SIDE, "<")),
    "tiff-big-endian": tiff_of(grey_of(SIDE, ">"), order=">"),
    "ppm": b"P6\n%d %d\n255\n" % (SIDE, SIDE),
    "pbm-with-comment": b"P4 # a bitmap\n%d # wide\n%d\n" % (SIDE, SIDE),
}

# Valid files of 12,000 x 12,000, or as large inside, whose header may be taken for a small one. Of two entries with
# one tag the first counts (libtiff and Pillow); an entry of eight bytes does not hold its value but where it stands.
DISGUISED = {
    "tiff-sides-twice": disguised_tiff(*((tag, LONG, 1, u32(side)) for tag in (256, 257) for side in (12_000, 1))),
    "tiff-sides-of-64-bits": disguised_tiff(*((tag, LONG8, 1, u32(600)) for tag in (256, 257))),
    "tiff-large-tile": tiled_tiff(),
    "pbm-padded": b"P4\n12000".ljust(4095) + b"12000\n" + bytes(12_000 * 12_000 // 8),
}

# A few bytes whose chunk claims to be 256 MiB long; PNG forbids nothing up to 2 GiB.
CLAIMS_MEMORY = {
    "png-pixels": png_header(1, 1) + struct.pack(">I", 1 << 28) + b"IDAT",
    "png-text": png_header(1, 1) + struct.pack(">I", 1 << 28) + b"tEXt",
    "png-last": png(noise(1, 1, 3))[:-12] + struct.pack(">I", 1 << 28) + b"IEND",
}

# Prints the code of the file at sys.argv[1], and by how many MiB reading it has raised the most memory that the
# process ever had; ru_maxrss would start with what the process had that started this one.
MEASURE = """
import json, re, sys
from edge.image import decode_image, read_image
from edge.errors import ImageError

def peak_mib():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

decode_image(b"P5\\n1 1\\n255\\n ")
before = peak_mib()
try:
    code = list(read_image(sys.argv[1]).pixels.shape)
except ImageError as error:
    code = error.code
print(json.dumps([code, peak_mib() - before]))
"""


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_that_claims_too_many_pixels_is_enough_to_refuse(kind: str) -> None:
    with pytest.raises(ImageError, match=r"30000 x 30000 = 900,000,000 pixels; the limit is 100,000,000") as caught:
        decode_image(HEADERS[kind])
    assert caught.value.code == "too_many_pixels"


# Each case is a process; the first of each family is enough for 'make check'.
MEASURED = [
    pytest.param(kind, marks=pytest.mark.slow if number else [])
    for family in (HEADERS, DISGUISED, CLAIMS_MEMORY)
    for number, kind in enumerate(family)
]


@pytest.mark.parametrize("kind", MEASURED)
def test_memory_stays_flat(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes((HEADERS | DISGUISED | CLAIMS_MEMORY)[kind])
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    code, grown_mib = json.loads(done.stdout)
    # Behind the pixels of a PNG nothing is missing.
    assert code in ("corrupt", [1, 1, 3]) if kind in CLAIMS_MEMORY else code in ("too_many_pixels", "corrupt")
    # Reading the largest of the files takes 10 MiB; decoding any of them, or believing it, 240 MiB and more.
    assert grown_mib < 60


@pytest.mark.parametrize(
    "encoded",
    [encode(image(10, 20, 3), format_) for format_ in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")],
    ids=["png", "jpeg", "gif", "webp", "bmp", "tiff", "ppm"],
)
def test_the_limit_itself_is_allowed_and_one_less_is_not(encoded: bytes) -> None:
    assert decode_image(encoded, max_pixels=200).pixels.shape == (10, 20, 3)
    with pytest.raises(ImageError) as caught:
        decode_image(encoded, max_pixels=199)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_a_file_too_large_for_its_pixels_is_not_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.write_bytes(encode(image(10, 20, 3), kind))
    os.truncate(path, 1 << 40)  # a terabyte of which nothing is on the disk; it could not be read in time or memory
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.code == "too_many_bytes"


def code_of(path: str | Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_a_name_that_leads_nowhere_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "file").touch()
    assert code_of(tmp_path / "missing.png") == "not_found"
    assert code_of(tmp_path / "dangling.png") == "not_found"
    assert code_of(tmp_path / "no folder" / "a.png") == "not_found"
    assert code_of("a\0b.png") == "not_found"


def test_what_cannot_be_read_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "file").touch()
    assert code_of(tmp_path) == "unreadable"
    assert code_of(tmp_path / "loop.png") == "unreadable"
    assert code_of(tmp_path / "file" / "inside.png") == "unreadable"
    assert code_of("/dev/null") == "unreadable"
    assert code_of("/dev/zero") == "unreadable"


def code_in_time(path: Path) -> str:
    """The code of a file that must not be waited for; the reader is another process, so that it can be ended."""
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True, timeout=10)
    return str(json.loads(done.stdout)[0])


def test_a_pipe_without_a_writer_is_unreadable_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert code_in_time(tmp_path / "pipe.png") == "unreadable"


def test_a_png_of_endless_chunks_is_not_walked_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    path.write_bytes(png_header(1, 1))
    os.truncate(path, 1 << 40)  # a terabyte of zeros reads as chunks without length or name
    assert code_in_time(path) in ("corrupt", "too_many_bytes")


def progressive_jpeg(more_scans: int = 0) -> bytes:
    """A progressive JPEG of 480 x 640 whose last scan, of 12 bytes, comes that many times more."""
    pixels = np.full((480, 640, 3), 128, np.uint8)
    whole = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    return whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * more_scans + whole[-2:]


def test_scans_are_counted_and_nothing_that_only_looks_like_one() -> None:
    whole = progressive_jpeg(7)
    expected = whole.count(b"\xff\xda")  # a grey picture has none of these bytes elsewhere
    assert count_scans(whole) == expected == 17
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + 4) + b"\xff\xda\xff\xda"
    assert count_scans(whole[:2] + thumbnail + whole[2:] + b"\xff\xda\x00\x02" * 50) == expected
    for end in range(len(whole)):
        assert count_scans(whole[:end]) <= expected


def test_a_jpeg_that_asks_for_thousands_of_scans_is_not_decoded() -> None:
    assert decode_image(progressive_jpeg(MOST_SCANS - 10)).pixels.shape == (480, 640, 3)
    for bomb in (progressive_jpeg(MOST_SCANS - 9), progressive_jpeg(500_000)):
        with pytest.raises(ImageError, match="scans; 100 are the limit") as refused:
            decode_image(bomb)
        assert refused.value.code == "corrupt"
        with pytest.raises(ImageError, match="scans; 100 are the limit"):
            decode_image(bomb, shrink_for=Resize(8, 8, "area"))
