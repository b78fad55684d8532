"""bzip2 and LZMA members, packed by Python's zipfile, and what damage makes of them."""

import io
import struct
import zipfile

import numpy as np
import pytest

from edge.batch.zip_directory import open_member, read_members
from edge.batch.zip_unpacking import LARGEST_DICTIONARY_BYTES

METHODS = [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
# Neither shorter than what is unpacked at once nor the same everywhere.
CONTENT = np.random.default_rng(0).integers(0, 4, 300_000, np.uint8).tobytes()


def packed(method: int, content: bytes = CONTENT) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.png", content)
    return stream.getvalue()


def unpacked(archive: bytes, *sizes: int) -> list[bytes]:
    stream = io.BytesIO(archive)
    (member,) = read_members(stream)
    with open_member(stream, member) as content:
        return [content.read(size) for size in sizes]


def claiming(archive: bytes, size: int) -> bytes:
    return archive.replace(struct.pack("<I", len(CONTENT)), struct.pack("<I", size))


@pytest.mark.parametrize("method", METHODS)
def test_it_is_read_in_pieces_of_any_size(method: int) -> None:
    assert unpacked(packed(method), 1, 70_000, 1 << 20, 10) == [CONTENT[:1], CONTENT[1:70_001], CONTENT[70_001:], b""]
    assert unpacked(packed(method, b""), 10) == [b""]


@pytest.mark.parametrize("method", METHODS)
def test_more_or_less_than_it_claims_is_an_error(method: int) -> None:
    with pytest.raises(zipfile.BadZipFile, match="it holds more than it claims to"):
        unpacked(claiming(packed(method), len(CONTENT) - 1), 1 << 20)
    with pytest.raises(zipfile.BadZipFile, match="it is cut short or damaged"):
        unpacked(claiming(packed(method), len(CONTENT) + 1), 1 << 20)


@pytest.mark.parametrize("method", METHODS)
def test_another_sum_is_an_error(method: int) -> None:
    archive = bytearray(packed(method))
    archive[archive.index(b"PK\1\2") + 16] ^= 1  # APPNOTE 4.3.12: crc-32
    with pytest.raises(zipfile.BadZipFile, match="it is cut short or damaged"):
        unpacked(bytes(archive), 1 << 20)


def with_dictionary(size: int, claimed: int) -> bytes:
    """The LZMA member, its header saying that unpacking it takes a dictionary of so many bytes (APPNOTE 5.8.8)."""
    archive = bytearray(claiming(packed(zipfile.ZIP_LZMA), claimed))
    place = archive.index(b"a.png") + len("a.png") + 5
    archive[place : place + 4] = struct.pack("<I", size)
    return bytes(archive)


def test_a_dictionary_takes_no_more_memory_than_the_member_claims_to_hold() -> None:
    assert unpacked(with_dictionary(0xFFFFFFFF, len(CONTENT)), 1 << 20) == [CONTENT]
    with pytest.raises(NotImplementedError, match="LZMA with a dictionary of 67,108,865 bytes"):
        unpacked(with_dictionary(0xFFFFFFFF, LARGEST_DICTIONARY_BYTES + 1), 1)
