"""Unpack a member of a zip archive that is packed as bzip2 or LZMA, and no more of it than the member claims to hold.

It exists because Python's zipfile gives these two no limit: all that a kilobyte of input unpacks to, which can be
gigabytes, is in memory before the first byte of it is read. The fields are those of PKWARE's APPNOTE, section 5.8.8.
"""

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

PACKED_BYTES = 1 << 16  # what is handed to a decompressor at once
# What xz takes at its highest level. A decompressor holds so much of what it gave.
LARGEST_DICTIONARY_BYTES = 64 << 20
LZMA_HEADER_BYTES, LZMA_PROPERTIES_BYTES = 4, 5


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def open_bounded(file: BinaryIO, member: zipfile.ZipInfo) -> BinaryIO:
    """Return a stream of what `member` holds, packed as in `OPENERS`; its data begins where `file` stands.

    Reading raises BadZipFile for more than the member claims, or another sum, and LZMAError or OSError for damage.
    """
    return io.BufferedReader(_Unpacked(file, member))


class _Unpacked(io.RawIOBase):
    def __init__(self, file: BinaryIO, member: zipfile.ZipInfo) -> None:
        self._file, self._member = file, member
        self._packed_left, self._left, self._sum = member.compress_size, member.file_size, 0
        self._decompressor = OPENERS[member.compress_type](self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # BufferedReader gives nothing else
        unpacked = self._unpack(min(len(buffer), self._left + 1))
        self._left -= len(unpacked)
        self._sum = zlib.crc32(unpacked, self._sum)
        if self._left < 0:
            raise zipfile.BadZipFile("it holds more than it claims to")
        if not unpacked and (self._left or self._sum != self._member.CRC):
            raise zipfile.BadZipFile("it is cut short or damaged")
        buffer[: len(unpacked)] = unpacked
        return len(unpacked)

    def _unpack(self, most: int) -> bytes:
        """Return up to so many bytes, none at the end."""
        while not self._decompressor.eof:
            packed = self.take(PACKED_BYTES) if self._decompressor.needs_input else b""
            unpacked = self._decompressor.decompress(packed, most)
            if unpacked or (self._decompressor.needs_input and not packed):
                return unpacked
        return b""

    def take(self, most: int) -> bytes:
        packed = self._file.read(min(most, self._packed_left))
        self._packed_left -= len(packed)
        return packed

    @property
    def claimed_bytes(self) -> int:
        return self._member.file_size


def _open_lzma(member: _Unpacked) -> _Decompressor:
    _, length = struct.unpack("<HH", member.take(LZMA_HEADER_BYTES).ljust(LZMA_HEADER_BYTES, b"\0"))
    properties = member.take(length)
    if length != LZMA_PROPERTIES_BYTES or len(properties) < length:
        raise zipfile.BadZipFile("its LZMA header is cut short or damaged")
    bits, dictionary = struct.unpack("<BL", properties)
    dictionary = min(dictionary, member.claimed_bytes)  # nothing lies further back
    if dictionary > LARGEST_DICTIONARY_BYTES:
        raise NotImplementedError(f"LZMA with a dictionary of {dictionary:,} bytes")
    chosen = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096)}
    chosen |= {"lc": bits % 9, "lp": bits // 9 % 5, "pb": bits // 45}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen])


OPENERS: dict[int, Callable[[_Unpacked], _Decompressor]] = {
    zipfile.ZIP_BZIP2: lambda _: bz2.BZ2Decompressor(),
    zipfile.ZIP_LZMA: _open_lzma,
}
