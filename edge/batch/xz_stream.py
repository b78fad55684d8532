"""Unpack a file of xz as it is read, in no more memory than xz itself takes.

It exists because Python's `lzma.open` knows no limit of memory, and a few kilobytes can ask for a dictionary of
gigabytes, which then fills as they are unpacked. A file may hold several streams with zeros between them:
https://tukaani.org/xz/xz-file-format.txt, section 2.
"""

import io
import lzma
from typing import BinaryIO, cast

MAGIC = b"\xfd7zXZ\0"
PACKED_BYTES = 1 << 16  # what is handed to the decompressor at once
# Twice what xz takes for what it packed at its highest level.
MEMORY_BYTES = 128 << 20


def open_xz(path: str) -> BinaryIO:
    """Return a stream of what the file at `path` holds.

    Reading raises EOFError where it ends early, LZMAError for damage and for what takes more than `MEMORY_BYTES`.
    """
    return cast(BinaryIO, io.BufferedReader(_Unpacked(path)))


class _Unpacked(io.RawIOBase):
    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 # closed with this
        self._begin()

    def _begin(self) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_BYTES)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # BufferedReader gives nothing else
        unpacked = b""
        while not unpacked:
            packed = b""
            if self._decompressor.eof:
                if not (packed := self._next_stream()):
                    return 0
                self._begin()
            elif self._decompressor.needs_input and not (packed := self._file.read(PACKED_BYTES)):
                raise EOFError("the xz stream is cut short")
            unpacked = self._decompressor.decompress(packed, len(buffer))
        buffer[: len(unpacked)] = unpacked
        return len(unpacked)

    def _next_stream(self) -> bytes:
        """Return how another stream behind the one that is over begins; what else stands there is left alone."""
        packed = self._decompressor.unused_data
        while not (packed := packed.lstrip(b"\0")):
            if not (packed := self._file.read(PACKED_BYTES)):
                return b""
        return packed if packed.startswith(MAGIC[: len(packed)]) else b""
