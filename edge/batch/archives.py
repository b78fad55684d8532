"""Read the images in zip and tar archives, one by one, without unpacking anything to disk.

It exists because data sets travel as archives. Names of members are only ever shown, so one that points elsewhere
(`../../etc/passwd`) does no harm. An archive within an archive is an error of its own and is not opened.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, Self, cast

from edge.batch.content import Content, failed, read_content
from edge.batch.xz_stream import MAGIC as XZ_MAGIC
from edge.batch.xz_stream import open_xz
from edge.batch.zip_directory import ENCRYPTED, open_member, read_members
from edge.errors import reason_of
from edge.sources import is_image_name

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVE_SUFFIXES = ZIP_SUFFIXES + TAR_SUFFIXES

# Between the archive and the member, as in a Java archive's URL.
SEPARATOR = "!/"

# Linux refuses paths above 4,096 bytes; comments and access lists need some more.
LONGEST_HEADER_BYTES = 1 << 20

# What Python's readers raise for archives that are cut short, damaged or packed in a way they do not know. tarfile
# also looks for bytes past the end, and calls itself for each of the headers that belong together, however many.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    RecursionError,
)

Member = tuple[str, Content]


def read_archive(path: str, max_pixels: int) -> Iterator[Member]:
    """Yield the path and content of each image in the archive, in the archive's order.

    Other files are passed over, as they are in a folder. What cannot be read is a content with an error: a
    member, or, under the archive's own name, all that would have come after.
    """
    members = _read_zip if path.lower().endswith(ZIP_SUFFIXES) else _read_tar
    empty = True
    try:
        for name, content in members(path, max_pixels):
            empty = False
            yield f"{path}{SEPARATOR}{name}", content
        if empty:
            yield path, failed("not_found", "the archive holds no images")
    except BROKEN as error:
        yield path, failed("corrupt", f"the archive is cut short or damaged ({reason_of(error)})")
    except OSError as error:
        # gzip and bz2 say with an OSError of no number that their data is wrong.
        code = "unreadable" if error.errno else "corrupt"
        yield path, failed(code, f"the archive cannot be read ({error.strerror or reason_of(error)})")


def _read_zip(path: str, max_pixels: int) -> Iterator[Member]:
    with open(path, "rb") as file:
        for member in read_members(file):
            if not member.is_dir() and (refused := _refused(member.filename)):
                yield member.filename, refused
            elif not member.is_dir() and _counts(member.filename):
                yield member.filename, _read_zip_member(file, member, max_pixels)


def _read_zip_member(file: BinaryIO, member: zipfile.ZipInfo, max_pixels: int) -> Content:
    if member.flag_bits & ENCRYPTED:
        return failed("unreadable", "the member is encrypted", member.file_size)
    try:
        with open_member(file, member) as stream:
            return read_content(stream, member.file_size, max_pixels)
    except NotImplementedError as error:
        return failed("unsupported_format", f"the member is packed in an unknown way ({reason_of(error)})")
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's error, not one of bz2
            raise
        return failed("corrupt", f"the member is damaged ({reason_of(error)})", member.file_size)


def _read_tar(path: str, max_pixels: int) -> Iterator[Member]:
    with _unpacked(path) as stream, tarfile.open(fileobj=stream, mode="r|", errorlevel=1, tarinfo=_Header) as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined] # it would remember every one, for a second pass that there is not
            if member.isfile() and (refused := _refused(member.name)):
                yield member.name, refused
            elif not member.isdir() and _counts(member.name):
                yield member.name, _read_tar_member(archive, member, max_pixels)


def _unpacked(path: str) -> IO[bytes]:
    """Open a tar that may be compressed. tarfile can do it too, but copies all that a bomb holds again and again."""
    with open(path, "rb") as file:
        start = file.read(6)
    openers: dict[bytes, Callable[[str], IO[bytes]]] = {
        b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
        b"BZh": bz2.open,
        XZ_MAGIC: open_xz,
    }
    return next((opener for magic, opener in openers.items() if start.startswith(magic)), _open_plain)(path)


def _open_plain(path: str) -> IO[bytes]:
    return open(path, "rb")


class _Header(tarfile.TarInfo):
    """A header of a tar; what is none is an error, where Python's reader takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        stream: Any = archive.fileobj
        # Within a header it calls itself, for the one that a long name is for.
        archive.fileobj = stream if isinstance(stream, _HeaderStream) else _HeaderStream(stream)  # type: ignore[assignment]
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise  # a block of zeros, which is how an archive ends
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None
        finally:
            archive.fileobj = stream


class _HeaderStream:
    """A tar while one header is read, with the long name, the comments or the map of holes that belong to it.

    tarfile reads each of them whole, however long it claims to be.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, LONGEST_HEADER_BYTES
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._left:
            raise tarfile.ReadError(f"a header is longer than {LONGEST_HEADER_BYTES:,} bytes")
        self._left -= size
        return self._stream.read(size)


def _read_tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, max_pixels: int) -> Content:
    stream = archive.extractfile(member) if member.isfile() else None
    if stream is None:
        return failed("unreadable", "the member is a link or a device, not a file")
    with stream:
        return read_content(cast(BinaryIO, stream), member.size, max_pixels)


def _counts(name: str) -> bool:
    *folders, last = name.replace("\\", "/").split("/")
    return is_image_name(last) and not any(part.startswith(".") and part not in (".", "..") for part in folders)


def _refused(name: str) -> Content | None:
    if name.lower().endswith(ARCHIVE_SUFFIXES):
        return failed("unsupported_format", "an archive within an archive is not opened; unpack it first")
    return None
