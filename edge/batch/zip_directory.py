"""Walk the members of a zip archive without keeping their list, as zipfile does; that still unpacks most of them.

It exists for archives of a million members, whose list alone would take hundreds of megabytes. The fields are those of
PKWARE's APPNOTE, section 4.3.12, and for large archives 4.3.14 and 4.5.3.
"""

import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from edge.batch.zip_unpacking import OPENERS, open_bounded

END, END_LOCATOR_64, END_64, ENTRY = b"PK\5\6", b"PK\6\7", b"PK\6\6", b"PK\1\2"
END_BYTES, LOCATOR_BYTES, ENTRY_BYTES, LONGEST_COMMENT = 22, 20, 46, 0xFFFF
LOCAL, LOCAL_BYTES = b"PK\3\4", 30
IN_EXTRA_32 = 0xFFFFFFFF
ZIP64 = 1  # the kind of an extra field
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags


def read_members(file: BinaryIO) -> Iterator[zipfile.ZipInfo]:
    """Yield the members that the directory lists, in its order. Raises BadZipFile for one that is damaged."""
    count, size, offset, shift = _find_directory(file)
    position = offset + shift
    for _ in range(count):
        file.seek(position)
        fields = file.read(ENTRY_BYTES)
        if len(fields) < ENTRY_BYTES or fields[:4] != ENTRY or position >= offset + shift + size:
            raise zipfile.BadZipFile("the list of members is cut short or damaged")
        name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<3H", fields, 28)
        yield _member(fields, file.read(name_bytes), file.read(extra_bytes), shift)
        position += ENTRY_BYTES + name_bytes + extra_bytes + comment_bytes


def open_member(file: BinaryIO, member: zipfile.ZipInfo) -> BinaryIO:
    """Return a stream of what `member` holds; nothing else may move `file` while it is read.

    Raises BadZipFile, and NotImplementedError for a compression that is not known; so does reading from it, which
    takes memory for what is read only, however much more the member unpacks to.
    """
    file.seek(member.header_offset)
    header = file.read(LOCAL_BYTES)
    if len(header) < LOCAL_BYTES or header[:4] != LOCAL:
        raise zipfile.BadZipFile("there is no member where the list says so")
    file.seek(sum(struct.unpack_from("<HH", header, 26)), 1)
    if member.compress_type in OPENERS:
        return open_bounded(file, member)
    return cast(BinaryIO, zipfile.ZipExtFile(file, "r", member))


def _find_directory(file: BinaryIO) -> tuple[int, int, int, int]:
    """Return the number of members, size and offset of the directory, and how many bytes stand before the archive."""
    start = max(file.seek(0, 2) - END_BYTES - LONGEST_COMMENT, 0)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(END)
    if found < 0 or len(tail) - found < END_BYTES:
        raise zipfile.BadZipFile("this is no zip archive, or its end is missing")
    count, size, offset = struct.unpack_from("<HLL", tail, found + 10)
    end = start + found
    if found >= LOCATOR_BYTES and tail[found - LOCATOR_BYTES :].startswith(END_LOCATOR_64):
        (at,) = struct.unpack_from("<Q", tail, found - LOCATOR_BYTES + 8)
        file.seek(at)
        large = file.read(56)
        if len(large) < 56 or large[:4] != END_64:
            raise zipfile.BadZipFile("the end of the large archive is damaged")
        count, size, offset = struct.unpack_from("<QQQ", large, 32)
        end = at
    shift = end - size - offset  # of an archive behind a program that unpacks it
    if shift < 0:
        raise zipfile.BadZipFile("the list of members is cut short or damaged")
    return count, size, offset, shift


def _member(fields: bytes, name: bytes, extra: bytes, shift: int) -> zipfile.ZipInfo:
    flags, method, _, _, crc, packed, size = struct.unpack_from("<HHHHLLL", fields, 8)
    (offset,) = struct.unpack_from("<L", fields, 42)
    size, packed, offset = _large(extra, size, packed, offset)
    # A name that is no UTF-8 after all is taken as the bytes it is.
    member = zipfile.ZipInfo(name.decode("utf-8", "surrogateescape") if flags & UTF_8 else name.decode("cp437"))
    member.flag_bits, member.compress_type, member.CRC = flags, method, crc
    member.file_size, member.compress_size, member.header_offset = size, packed, offset + shift
    return member


def _large(extra: bytes, *values: int) -> list[int]:
    """Return the values, those that do not fit 32 bits from the extra field that holds them."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == ZIP64:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - 4) // 8}Q", extra, 4))
            return [next(numbers, value) if value == IN_EXTRA_32 else value for value in values]
        extra = extra[4 + length :]
    return list(values)
