"""Read the images in zip and tar archives, one by one, in the archive's order; nothing is unpacked to the disk.

Names of members are only ever shown, so one that points elsewhere (`../../etc/passwd`) does no harm.
"""

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

from edge.batch.inputs import CHUNK_BYTES, Input, failed, read_chunks
from edge.errors import reason_of
from edge.sources import is_image_name

ZIP_SUFFIX = ".zip"
ARCHIVE_SUFFIXES = (ZIP_SUFFIX, ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Between the archive and the member, as in a Java archive's URL.
SEPARATOR = "!/"
# What Python's readers raise for archives that are cut short or damaged; gzip and bz2 an OSError of no number too.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError)
BROKEN += (ValueError, OverflowError, IndexError, RecursionError)  # type: ignore[assignment]

# ZIP (PKWARE's APPNOTE): flags of a member, the system it was made on, and Info-ZIP's field for its name as UTF-8.
ENCRYPTED, UTF_8, UNIX, UNICODE_PATH = 1 << 0, 1 << 11, 3, 0x7075
# Of bzip2 and LZMA zipfile unpacks all that so many packed bytes hold, which can be 80 MB.
UNLIMITED_CHUNK_BYTES = 1 << 12
# TAR: tarfile reads a header's long name or comments at once. Linux refuses paths above 4,096 bytes.
MOST_READ_BYTES = 1 << 20
OPENERS: dict[bytes, Callable[[str], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}


def read_archive(path: str, max_pixels: int) -> Iterator[Input]:
    """Yield each image in the archive; its path is `archive.zip!/folder/a.png`.

    Other files are passed over, as they are in a folder. What cannot be read is an input with an error: a member, or,
    under the archive's own name, all that would have come after.
    """
    members = _zip_members if path.lower().endswith(ZIP_SUFFIX) else _tar_members
    empty = True
    try:
        for name, read in members(path, max_pixels):
            member = f"{path}{SEPARATOR}{name}"
            *folders, last = name.replace("\\", "/").split("/")
            is_hidden = any(part.startswith(".") and part not in (".", "..") for part in folders)
            if last.lower().endswith(ARCHIVE_SUFFIXES):
                yield failed(
                    member, "unsupported_format", "an archive within an archive is not opened; unpack it first"
                )
            elif is_image_name(last) and not is_hidden:
                yield read(member)
            else:
                continue
            empty = False
        if empty:
            yield failed(path, "not_found", "the archive holds no images")
    except (*BROKEN, NotImplementedError) as error:
        yield failed(path, "corrupt", f"the archive is cut short or damaged ({reason_of(error)})")
    except OSError as error:
        code = "unreadable" if error.errno else "corrupt"
        yield failed(path, code, f"the archive cannot be read ({error.strerror or reason_of(error)})")


Members = Iterator[tuple[str, Callable[[str], Input]]]


def _zip_members(path: str, max_pixels: int) -> Members:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield _zip_name(member), partial(_read_zip_member, archive, member, max_pixels)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return the name as it was meant, which zipfile takes for code page 437 where no flag says that it is UTF-8.

    Linux's zip writes UTF-8 without the flag, or as a second name in the extra field; macOS writes it and says
    nothing. Other names of a Unix system stay the bytes that they are.
    """
    if member.flag_bits & UTF_8:
        return member.filename
    raw, extra = member.orig_filename.encode("cp437"), member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        value, extra = extra[4 : 4 + size], extra[4 + size :]
        # A program that does not know the field may have renamed the member: then the sum is of another name.
        if kind == UNICODE_PATH and value[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            raw = value[5:]
    with suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    return os.fsdecode(raw) if member.create_system == UNIX else member.filename


def _read_zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_pixels: int, path: str) -> Input:
    if member.flag_bits & ENCRYPTED:
        return failed(path, "unreadable", "the member is encrypted", member.file_size)
    is_limited = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    chunk_bytes = CHUNK_BYTES if is_limited else UNLIMITED_CHUNK_BYTES
    try:
        with archive.open(member) as stream:
            return read_chunks(path, iter(partial(stream.read, chunk_bytes), b""), member.file_size, max_pixels)
    except NotImplementedError as error:
        return failed(path, "unsupported_format", f"the member is packed in an unknown way ({reason_of(error)})")
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's error
            raise
        return failed(path, "corrupt", f"the member is damaged ({reason_of(error)})", member.file_size)


def _tar_members(path: str, max_pixels: int) -> Members:
    with open(path, "rb") as file:
        magic = file.read(6)
    opener = next((OPENERS[start] for start in OPENERS if magic.startswith(start)), _open_plain)
    with opener(path) as stream, opener(path) as other:
        limited = _LimitedStream(stream)
        with tarfile.open(fileobj=limited, mode="r:", errorlevel=1) as archive:  # type: ignore[call-overload]
            files = array("q")  # of each file the hash of its name, its offset and size: hard links ask for them
            for member in archive:
                archive.members.clear()  # or it would keep them all
                if member.isreg() and not member.issparse():
                    files.extend((hash(member.name), member.offset_data, member.size))
                if member.islnk():
                    yield member.name, partial(_read_hard_link, other, files, member, max_pixels)
                elif not member.isdir():
                    yield member.name, partial(_read_tar_member, archive, member, max_pixels)
        # tarfile takes whatever is no header for the end of the archive, which is a block of zeros.
        if limited.last_read != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end is missing")


def _open_plain(path: str) -> IO[bytes]:
    return open(path, "rb")


def _read_tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, max_pixels: int, path: str) -> Input:
    stream = archive.extractfile(member) if member.isreg() else None
    if stream is None:
        return failed(path, "unreadable", "the member is a symbolic link or a device, not a file")
    return read_chunks(path, iter(partial(stream.read, CHUNK_BYTES), b""), member.size, max_pixels)


def _read_hard_link(stream: IO[bytes], files: "array[int]", link: tarfile.TarInfo, max_pixels: int, path: str) -> Input:
    """Return the content of the last file before `link` that has the name it links to."""
    names = np.frombuffer(files, np.int64)[::3]
    found = np.flatnonzero(names == hash(link.linkname))
    del names  # or `files` could not grow
    if not found.size:
        return failed(path, "unreadable", "the member is a link to a file that the archive does not hold before it")
    offset, size = files[3 * found[-1] + 1 : 3 * found[-1] + 3]
    files.extend((hash(link.name), offset, size))
    stream.seek(offset)
    chunks = (stream.read(min(CHUNK_BYTES, size - start)) for start in range(0, size, CHUNK_BYTES))
    return read_chunks(path, chunks, size, max_pixels)


class _LimitedStream:
    """A tar of which no more is read at once than a header or a chunk can need."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.seek, self.tell = stream, stream.seek, stream.tell
        self.last_read = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_READ_BYTES:
            raise tarfile.ReadError(f"a header is longer than {MOST_READ_BYTES:,} bytes")
        self.last_read = self._stream.read(size)
        return self.last_read
