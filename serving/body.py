"""Take the pictures out of a request, raw or multipart, and never more bytes than the limit."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from serving.problems import RequestError
from serving.settings import Settings
from serving.settings_sources import LONGEST_NUMBER

MULTIPART = "multipart/form-data"
ONE, SEVERAL = "file", "files"
# What zlib calls the wrappers of gzip (RFC 1952) and of HTTP's deflate (RFC 1950).
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
MAX_FIELDS = 8
# How Starlette begins to say so; it has no type for it.
TOO_MANY_FILES = "Too many files"


@dataclass(frozen=True)
class Upload:
    """The pictures of one request with their file names, and whether the answer is to be a list."""

    pictures: tuple[tuple[str | None, bytes], ...]
    is_list: bool


async def read_upload(request: Request, settings: Settings) -> Upload:
    """Return the pictures that the request carries.

    A form with several files, or with a field called `files`, asks for a list. Raises RequestError: 413 for a
    body or a number of files past the limits, 415 for an unknown compression, 400 for a malformed form or body.
    """
    if request.headers.get("content-type", "").lower().startswith(MULTIPART):
        return await _read_form(request, settings)
    return Upload(((None, await read_body(request, settings.max_body_bytes)),), False)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body, decompressed. Raises RequestError as `body_stream` does."""
    chunks = [chunk async for chunk in body_stream(request, max_bytes)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def body_stream(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body piece by piece, decompressed.

    Raises RequestError 413 as soon as it is known to be too large, 415 for an encoding that is not known, and
    400 for compressed data that is damaged.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", *WINDOW_BITS):
        message = f"a body may be compressed with gzip or deflate, not {encoding[:40]!r}"
        raise RequestError(415, "unsupported_encoding", message, {"Accept-Encoding": "gzip, deflate, identity"})
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > LONGEST_NUMBER or int(declared) > max_bytes):
        raise _too_large(max_bytes)
    pieces: AsyncIterator[bytes] = request.stream()
    if encoding != "identity":
        pieces = _decompressed(pieces, WINDOW_BITS[encoding], max_bytes)
    left = max_bytes
    async for chunk in pieces:
        left -= len(chunk)
        if left < 0:
            raise _too_large(max_bytes)
        yield chunk


async def _decompressed(pieces: AsyncIterator[bytes], window_bits: int, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield what `pieces` hold. No piece gets larger than the limit and one byte, whatever a bomb would make of it."""
    stream = zlib.decompressobj(window_bits)
    try:
        async for chunk in pieces:
            while chunk and not stream.eof:
                if piece := stream.decompress(chunk, max_bytes + 1):
                    yield piece
                chunk = stream.unconsumed_tail
    except zlib.error as error:
        raise RequestError(400, "damaged_encoding", f"the compressed body is damaged ({error})") from None
    if not stream.eof or stream.unused_data:
        raise RequestError(400, "damaged_encoding", "the compressed body is cut short, or something follows it")


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(413, "body_too_large", f"a request body may have {max_bytes:,} bytes")


async def _read_form(request: Request, settings: Settings) -> Upload:
    parser = None
    stream = body_stream(request, settings.max_body_bytes)
    limits = {"max_files": settings.max_images, "max_fields": MAX_FIELDS}
    try:
        parser = MultiPartParser(request.headers, stream, **limits)  # type: ignore[arg-type]
        form = await parser.parse()
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if texts := {name for name, value in form.multi_items() if isinstance(value, str)} & {ONE, SEVERAL}:
            raise RequestError(400, "malformed_form", f"{min(texts)!r} must be a file. Received: text")
        if not files:
            raise RequestError(400, "malformed_form", "the form must hold a file. Received: none")
        pictures = tuple([(file.filename, await file.read()) for _, file in files])
        return Upload(pictures, len(files) > 1 or files[0][0] == SEVERAL)
    except (MultiPartException, KeyError, UnicodeError) as error:  # the last one for what `charset` may name
        if str(error).startswith(TOO_MANY_FILES):
            raise RequestError(413, "too_many_images", f"a request may hold {settings.max_images} pictures") from None
        raise RequestError(400, "malformed_form", f"the multipart form cannot be read ({error})") from None
    finally:
        # A form that ends in the middle of a file leaves it open and out of `form`; only the parser knows of it.
        for file in parser._files_to_close_on_error if parser else ():
            file.close()
