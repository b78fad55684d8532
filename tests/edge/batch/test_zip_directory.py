"""The members of zip archives as Python's zipfile lists and unpacks them."""

import io
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from edge.batch.zip_directory import open_member, read_members

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def archive(count: int, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        made.comment = comment
        for i in range(count):
            with made.open(f"Ordner/ä {i}.png", "w", force_zip64=i % 3 == 0) as member:
                member.write(b"%d" % i * 50)
    return stream


def assert_as_zipfile(stream: io.BytesIO) -> None:
    with zipfile.ZipFile(stream) as expected:
        listed = expected.infolist()
        whole = [(i.filename, i.file_size, i.CRC, i.header_offset, expected.read(i)) for i in listed]
    found = []
    for member in read_members(stream):
        with open_member(stream, member) as content:
            found.append((member.filename, member.file_size, member.CRC, member.header_offset, content.read()))
    assert found == whole


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("comment", [b"", b"a comment PK\5\6 of a kind", b"x" * 65_535])
def test_members_are_those_of_zipfile(method: int, comment: bytes) -> None:
    if b"PK\5\6" in comment:
        comment = comment.replace(b"PK\5\6", b"PK")
    assert_as_zipfile(archive(20, method, comment))
    assert_as_zipfile(archive(0, method, comment))


def test_an_archive_behind_a_program_is_found() -> None:
    assert_as_zipfile(io.BytesIO(b"#!/bin/sh\nexit\n" + archive(5).getvalue()))


def many(count: int) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for i in range(count):
            made.writestr(f"{i}.png", b"")
    return stream


@pytest.mark.slow
def test_more_members_than_16_bits_count_are_read() -> None:
    names = [member.filename for member in read_members(many(66_000))]
    assert names == [f"{i}.png" for i in range(66_000)]


def test_members_are_read_in_the_memory_of_one() -> None:
    stream = many(3_000)
    tracemalloc.start()
    assert sum(1 for _ in read_members(stream)) == 3_000
    assert tracemalloc.get_traced_memory()[1] < 200_000  # the end of the file is searched in a piece of 64 KiB
    tracemalloc.stop()


def test_sizes_above_32_bits_are_read_from_where_they_stand(tmp_path: Path) -> None:
    with open(tmp_path / "large.zip", "wb") as file:
        file.truncate(5 << 30)  # a hole, so that the offsets of what comes behind it need 64 bits
        file.seek(5 << 30)
        with zipfile.ZipFile(file, "a") as made:
            made.writestr("a.png", b"behind five gigabytes")
    with open(tmp_path / "large.zip", "rb") as file, zipfile.ZipFile(tmp_path / "large.zip") as expected:
        (member,) = read_members(file)
        assert member.header_offset == expected.infolist()[0].header_offset == 5 << 30
        assert open_member(file, member).read() == b"behind five gigabytes"


def test_a_directory_that_is_damaged_anywhere_is_an_error_or_another_list() -> None:
    whole = archive(3).getvalue()
    refused = 0
    for position in range(len(whole) // 2, len(whole)):
        damaged = io.BytesIO(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            for member in read_members(damaged):
                open_member(damaged, member).read()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, zlib.error, OverflowError):
            refused += 1  # archives.py turns it into one row
    # A third of those bytes are sizes, sums and places; names may be anything, and so may times and permissions.
    assert refused > len(whole) // 8
