"""Take the one image out of a request, raw or multipart, and never more bytes than the limit."""

from collections.abc import AsyncIterator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from serving.problems import RequestError
from serving.settings import LONGEST_NUMBER

MULTIPART = "multipart/form-data"


async def read_image_body(request: Request, max_bytes: int) -> bytes:
    """Return the encoded image that the request carries.

    Raises RequestError: 413 for a body of more than `max_bytes`, 415 for one that is compressed as a whole,
    400 for a multipart form that is malformed or does not hold exactly one file.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise RequestError(415, "unsupported_encoding", f"send the image as it is, not with encoding {encoding!r}")
    stream = limited_stream(request, max_bytes)
    if request.headers.get("content-type", "").lower().startswith(MULTIPART):
        return await _read_single_file(request, stream)
    return b"".join([chunk async for chunk in stream])


async def limited_stream(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body piece by piece. Raises RequestError 413 as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "0")
    total = 0
    if declared.isdecimal() and (len(declared) > LONGEST_NUMBER or int(declared) > max_bytes):
        raise _too_large(max_bytes)
    async for chunk in request.stream():
        total += len(chunk)
        if total > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(413, "body_too_large", f"a request body may have {max_bytes:,} bytes")


async def _read_single_file(request: Request, stream: AsyncIterator[bytes]) -> bytes:
    parser = None
    try:
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=8)  # type: ignore[arg-type]
        form = await parser.parse()
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if len(files) != 1:
            raise RequestError(400, "malformed_form", f"the form must hold one file. Received: {len(files)}")
        return await files[0].read()
    except (MultiPartException, KeyError) as error:
        raise RequestError(400, "malformed_form", f"the multipart form cannot be read ({error})") from None
    finally:
        # A form that ends in the middle of a file leaves it open and out of `form`; only the parser knows of it.
        for file in parser._files_to_close_on_error if parser else ():
            file.close()
