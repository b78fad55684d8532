"""An MJPEG stream over HTTP, the simplest kind of network camera, read picture by picture.

OpenCV reads it as well, but scales a picture of another size to that of the first one, and completes one that was cut
short; here each picture goes through the decoder of all others.
"""

import base64
import contextlib
import os
import socket
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import ProxyHandler, Request, build_opener

from edge.decode import DecodedImage, decode_image
from edge.errors import ImageError, SourceError

KIND = "multipart/x-mixed-replace"
LONGEST_LINE = 1 << 16
MOST_BYTES = 64 << 20


class MjpegStream:
    """The pictures of an open answer."""

    fps = 0.0

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        # Of its own, since the answer forgets its socket when it ends, and another thread may be about to hang up.
        self._line = socket.socket(fileno=os.dup(response.fileno()))
        boundary = response.headers.get_param("boundary") or ""
        # Some cameras name it with its two dashes, others without.
        self._boundary = b"--" + str(boundary).encode("latin-1", "replace").removeprefix(b"--")
        self._at_part = False  # whether the line that begins a part has been read

    def read(self) -> DecodedImage | None:
        """Return the next picture; None where the stream has ended or was silent for too long, or it is damaged."""
        try:
            encoded = self._next_part()
            return decode_image(encoded) if encoded else None
        except (OSError, HTTPException, ImageError):
            return None

    def interrupt(self) -> None:
        """Hang up at once, also on a `read` that waits in another thread."""
        with contextlib.suppress(OSError):  # the other side may have been quicker
            self._line.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Hang up."""
        self._response.close()
        self._line.close()

    def _next_part(self) -> bytes:
        while not self._at_part:
            line = self._next_line()
            if not line:
                return b""
            self._at_part = line.startswith(self._boundary)
        self._at_part = False
        length = None
        while line := self._next_line().strip():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
        if length is None:
            return self._up_to_boundary()
        return self._response.read(length) if length <= MOST_BYTES else b""

    def _up_to_boundary(self) -> bytes:
        part = bytearray()
        while (line := self._next_line()) and len(part) <= MOST_BYTES:
            if line.startswith(self._boundary):
                self._at_part = True
                break
            part += line
        return bytes(part)

    def _next_line(self) -> bytes:
        return self._response.readline(LONGEST_LINE)


def open_mjpeg(url: str, name: str, timeout_s: float) -> MjpegStream | None:
    """Return the stream at `url`, None where something else answers. Raises SourceError where nothing does."""
    try:
        response = build_opener(ProxyHandler({})).open(_request(url), timeout=timeout_s)
    except HTTPError as error:
        error.close()
        if error.code == 401:
            return None  # OpenCV's FFmpeg knows more ways to prove a password
        raise SourceError(f"{name}: the camera answers with status {error.code} ({error.reason})") from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise SourceError(f"{name}: the camera does not answer ({reason})") from None
    except ValueError:  # without what it says, in which the password may stand
        raise SourceError(
            f"{name}: no camera can have this address; look at the host, and write what is not ASCII as %XX"
        ) from None
    if response.headers.get_content_type() == KIND and not response.isclosed():
        return MjpegStream(response)
    response.close()
    return None


def _request(url: str) -> Request:
    """Return what is asked of the camera, with the password for it alone, wherever it may send us on to."""
    parts = urlsplit(url)
    request = Request(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))  # noqa: S310 # http or https
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    return request
