"""A file that is not whole is an error with a code, never half a picture and never another exception."""

import random

import numpy as np
import pytest

from edge.errors import ImageError
from edge.image import decode_image
from tests.edge.pictures import WITH_LATER_PICTURES, encode, image, noise, png, tiff, whole_files

WHOLE = whole_files()
del WHOLE["pgm-text"]  # where the last number is cut nobody can tell
WHOLE_PIXELS = {kind: decode_image(encoded).pixels for kind, encoded in WHOLE.items()}
LONGEST_MAGIC = 12
MAX_PIXELS = 100_000


def code_of(encoded: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(encoded)
    return caught.value.code


def pixels_or_error(encoded: bytes) -> np.ndarray | ImageError:
    try:
        return decode_image(encoded, MAX_PIXELS).pixels
    except ImageError as error:
        return error


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_cut_short_anywhere_is_corrupt_or_whole(kind: str) -> None:
    whole = WHOLE[kind]
    for length in range(1, LONGEST_MAGIC):
        error = pixels_or_error(whole[:length])
        assert isinstance(error, ImageError)
        assert " at 0x" not in str(error)  # rows of a batch are the same at each run
    for length in {*range(LONGEST_MAGIC, len(whole), 13), *range(len(whole) - 15, len(whole))}:
        found = pixels_or_error(whole[:length])  # what follows the last pixel may be missing
        assert found.code == "corrupt" if isinstance(found, ImageError) else np.array_equal(found, WHOLE_PIXELS[kind])
    if kind != "gif-animated":
        assert code_of(whole[: len(whole) - 25]) == "corrupt"


@pytest.mark.parametrize("kind", [*WITH_LATER_PICTURES, "gif-animated"])
def test_the_first_of_several_pictures_is_whole_or_corrupt(kind: str) -> None:
    whole = (WHOLE | WITH_LATER_PICTURES)[kind]
    first = decode_image(whole).pixels
    for length in range(LONGEST_MAGIC, len(whole), 13):
        found = pixels_or_error(whole[:length])
        assert found.code == "corrupt" if isinstance(found, ImageError) else np.array_equal(found, first)


LARGE = {
    "jpeg": encode(image(480, 640, 3), "JPEG"),
    "jpeg-progressive": encode(image(480, 640, 3), "JPEG", progressive=True),
    "png": encode(image(480, 640, 3), "PNG"),
    "webp": encode(image(480, 640, 3), "WEBP"),
    "tiff": tiff(noise(480, 640, 3), compression="zlib", rowsperstrip=1),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_picture_cut_short_is_corrupt(kind: str) -> None:
    whole = LARGE[kind]
    assert {code_of(whole[: len(whole) * percent // 100]) for percent in (10, 50, 90, 99)} == {"corrupt"}


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"hello, I am a text with the name of a picture\n",
        "Grüße aus Köln\n".encode("utf-16"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!DOCTYPE html><title>404</title>",
        b"PK\x03\x04 a zip archive",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        bytes(4096),
        random.Random(5).randbytes(4096),
    ],
    ids=["letter", "text", "utf-16", "svg", "html", "zip", "sound", "video", "zeros", "noise"],
)
def test_what_was_never_an_image_is_not_an_image(content: bytes) -> None:
    assert code_of(content) == "not_an_image"


@pytest.mark.parametrize("flipped", [19, 23, 29])
def test_a_png_whose_header_does_not_match_its_checksum_is_corrupt(flipped: int) -> None:
    damaged = bytearray(png(noise(12, 20, 3)))
    damaged[flipped] ^= 1
    assert code_of(bytes(damaged)) == "corrupt"


def test_a_png_whose_pixels_do_not_match_their_checksum_is_corrupt() -> None:
    damaged = bytearray(png(noise(12, 20, 3)))
    damaged[-20] ^= 1  # in the data of IDAT, which is followed by its checksum and by IEND
    assert code_of(bytes(damaged)) == "corrupt"


def test_an_animated_png_whose_pixels_do_not_match_their_checksum_is_corrupt() -> None:
    whole = WITH_LATER_PICTURES["png-animated"]
    for name in (b"IHDR", b"acTL", b"fcTL", b"IDAT"):
        at = whole.index(name)
        for flipped in (at + 4, at + 7):
            damaged = bytearray(whole)
            damaged[flipped] ^= 1
            assert code_of(bytes(damaged)) == "corrupt"


def mutate(whole: bytes, chance: random.Random) -> bytes:
    """Change a few bytes, mostly near the start, where the structure is; at times cut a piece out."""
    changed = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(min(len(changed), chance.choice((64, 400, 100_000))))
        changed[at] = chance.choice((0, 255, chance.randrange(256), changed[at] ^ (1 << chance.randrange(8))))
    if chance.random() < 0.1:
        start = chance.randrange(len(changed))
        del changed[start : start + chance.randrange(1, 40)]
    return bytes(changed)


@pytest.mark.parametrize("kind", WHOLE | WITH_LATER_PICTURES)
def test_whatever_happens_to_a_file_it_is_an_image_or_an_image_error(kind: str) -> None:
    whole = (WHOLE | WITH_LATER_PICTURES)[kind]
    chance = random.Random(kind)
    for _ in range(150):
        found = pixels_or_error(mutate(whole, chance))
        if isinstance(found, ImageError):
            assert "\n" not in str(found)
        else:
            assert found.dtype == np.uint8
            assert found.shape[2:] == (3,)
            assert 0 < found.size <= 3 * MAX_PIXELS
