"""Read the images in zip and tar archives, one by one, in the archive's order; nothing is unpacked to the disk."""

import bz2
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import IO, Any

import numpy as np

from edge.batch.inputs import ARCHIVE_SUFFIXES, CHUNK_BYTES, Input, failed, read_chunks
from edge.errors import reason_of
from edge.sources import is_image_name

SEPARATOR = "!/"  # between the archive and the member, as in a Java archive's URL
# What Python's readers raise for damaged archives; gzip and bz2 also raise an OSError without a number.
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError),
    *(OverflowError, IndexError, RecursionError, NotImplementedError),
)
# ZIP (PKWARE's APPNOTE): flags of a member, the system it was made on, and Info-ZIP's field for its name in UTF-8.
ENCRYPTED, UTF_8, UNIX, UNICODE_PATH = 1 << 0, 1 << 11, 3, 0x7075
# Of bzip2 and LZMA zipfile unpacks at once everything in a packed chunk, which can be 80 MB.
LIMITED, UNLIMITED_CHUNK_BYTES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), 1 << 12
MOST_READ_BYTES = 1 << 20  # at once in a TAR, whose headers may claim names and comments of any length

Members = Iterator[tuple[str, Callable[[str], Input]]]  # names, and functions that read a member as the input of a path


def read_archive(path: str, max_pixels: int) -> Iterator[Input]:
    """Yield each image in the archive, as `archive.zip!/folder/a.png`; other files are left out, as in a folder.

    A member that cannot be read is an input with an error; where the archive is damaged, the last input is the archive.
    """
    empty = True
    try:
        for name, read in (_zip_members if path.lower().endswith(".zip") else _tar_members)(path, max_pixels):
            *folders, last = name.replace("\\", "/").split("/")
            is_hidden = any(part.startswith(".") and part not in (".", "..") for part in folders)
            if last.lower().endswith(ARCHIVE_SUFFIXES):
                read = partial(failed, code="unsupported_format", message="an archive in an archive; unpack it first")
            elif is_hidden or not is_image_name(last):
                continue
            empty = False
            yield read(f"{path}{SEPARATOR}{name}")
        if empty:
            yield failed(path, "not_found", "the archive holds no images")
    except BROKEN as error:
        yield failed(path, "corrupt", f"the archive is cut short or damaged ({reason_of(error)})")
    except OSError as error:
        code = "unreadable" if error.errno else "corrupt"
        yield failed(path, code, f"the archive cannot be read ({error.strerror or reason_of(error)})")


def _zip_members(path: str, max_pixels: int) -> Members:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield _zip_name(member), partial(_read_zip_member, archive, member, max_pixels)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member. Without the flag for UTF-8, zipfile decodes it as code page 437.

    Linux's zip writes UTF-8 without the flag, or as a second name; macOS without the flag.
    """
    if member.flag_bits & UTF_8:
        return member.filename
    raw, extra = member.orig_filename.encode("cp437"), member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        # With another checksum the second name is outdated: the member was renamed.
        if kind == UNICODE_PATH and extra[4:9] == struct.pack("<BL", 1, zlib.crc32(raw)):
            raw = extra[9 : 4 + size]
        extra = extra[4 + size :]
    with suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    return os.fsdecode(raw) if member.create_system == UNIX else member.filename


def _read_zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_pixels: int, path: str) -> Input:
    if member.flag_bits & ENCRYPTED:
        return failed(path, "unreadable", "the member is encrypted", member.file_size)
    chunk_bytes = CHUNK_BYTES if member.compress_type in LIMITED else UNLIMITED_CHUNK_BYTES
    try:
        with archive.open(member) as stream:
            return read_chunks(path, iter(partial(stream.read, chunk_bytes), b""), member.file_size, max_pixels)
    except NotImplementedError as error:
        return failed(path, "unsupported_format", f"the member is packed in an unknown way ({reason_of(error)})")
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # of the disk
            raise
        return failed(path, "corrupt", f"the member is damaged ({reason_of(error)})", member.file_size)


def _tar_members(path: str, max_pixels: int) -> Members:
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    with open(path, "rb") as file:
        opener = openers.get(file.read(2), partial(open, mode="rb"))
    with opener(path) as first, opener(path) as second:  # for hard links, to files that come before
        limited = _LimitedStream(first)
        with tarfile.open(fileobj=limited, mode="r:", errorlevel=1) as archive:  # type: ignore[call-overload]
            files = array("q")  # of each file the hash of its name, its offset and its size
            for member in archive:
                archive.members.clear()  # it would keep them all
                is_file = member.isreg() and not member.issparse()
                stream, place = first, [member.offset_data, member.size] if is_file else []
                if member.islnk() and files:
                    found = np.flatnonzero(np.frombuffer(files, np.int64)[::3] == hash(member.linkname))
                    stream, place = second, list(files[3 * found[-1] + 1 : 3 * found[-1] + 3]) if found.size else []
                if place:
                    files.extend((hash(member.name), *place))
                    yield member.name, partial(_read_tar_member, stream, place[0], place[1], max_pixels)
                elif not member.isdir():
                    message = "the member is neither a file nor a link to one before it"
                    yield member.name, partial(failed, code="unreadable", message=message)
        # tarfile takes anything that is no header for the end of the archive, which is a block of zeros.
        if limited.last_read != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end is missing")


def _read_tar_member(stream: IO[bytes], offset: int, size: int, max_pixels: int, path: str) -> Input:
    stream.seek(offset)
    chunks = (stream.read(min(CHUNK_BYTES, size - start)) for start in range(0, size, CHUNK_BYTES))
    return read_chunks(path, chunks, size, max_pixels)


class _LimitedStream:
    """A tar that refuses to read more at once than a header needs."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.seek, self.tell, self.last_read = stream, stream.seek, stream.tell, b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_READ_BYTES:
            raise tarfile.ReadError(f"a header is longer than {MOST_READ_BYTES:,} bytes")
        self.last_read = self._stream.read(size)
        return self.last_read
