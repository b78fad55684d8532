"""Connections of HTTP whose answer, with its head, is there by one moment or not at all.

The timeout of a socket is one for each read: who sends a byte now and then would hold its reader for ever.
"""

import http.client
import io
import socket
import time
import urllib.request
from functools import partial
from typing import Any, cast


class TimedHandler(urllib.request.HTTPHandler):
    """Opens addresses of http; what is said as `timeout` is for all of the answer."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Return the answer to `req`. Raises TimeoutError, as reading from it does."""
        return self.do_open(partial(_timed, http.client.HTTPConnection), req)


class TimedSecureHandler(urllib.request.HTTPSHandler):
    """The same for addresses of https."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Return the answer to `req`. Raises TimeoutError, as reading from it does."""
        return self.do_open(partial(_timed, http.client.HTTPSConnection), req)


class _TimedFile(io.RawIOBase):
    """What `connection` receives until `ends_at` on the monotonic clock."""

    def __init__(self, connection: socket.socket, ends_at: float) -> None:
        self._connection, self._ends_at = connection, ends_at
        self._incoming = connection.makefile("rb", buffering=0)

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return itself, buffered; this is all that an answer wants of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        return self._incoming.readinto(buffer)

    def close(self) -> None:
        self._incoming.close()
        super().close()


def _timed(
    kind: type[http.client.HTTPConnection], host: str, *, timeout: float, **options: Any
) -> http.client.HTTPConnection:
    """Return a connection of this kind to `host` whose answers end `timeout` seconds from now."""
    connection = kind(host, timeout=timeout, **options)
    ends_at = time.monotonic() + timeout

    def answer(connected: socket.socket, *settings: Any, **more: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(cast(socket.socket, _TimedFile(connected, ends_at)), *settings, **more)

    connection.response_class = answer  # type: ignore[assignment]
    return connection
