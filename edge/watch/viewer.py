"""A page that shows the annotated frames as they come (MJPEG), for devices that have no screen.

Frames are drawn and encoded only while somebody looks, by the thread of whoever looks, so that neither a slow
browser nor none at all costs the watch anything. It listens on this machine alone unless told otherwise.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import BoundedSemaphore, Condition, Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.local_server import LocalServer
from edge.watch.page import PAGE

BOUNDARY = "eyespot-frame"
JPEG_QUALITY = 80
MOST_VIEWERS = 16
# A browser that takes nothing for so long is gone.
SEND_TIMEOUT_S = 10
TICK_S = 0.5

Draw = Callable[[], NDArray[np.uint8]]


class Viewer:
    """The page at `http://HOST:PORT/`, up while the block runs; `publish` replaces what it shows."""

    def __init__(self, host: str, port: int) -> None:
        """Bind the address; port 0 takes a free one. Raises UsageError if that cannot be had."""
        self._changed = Condition()
        self._number = 0
        self._draw: Draw | None = None
        self._encoded = (0, b"")
        self._status: Callable[[], dict[str, object]] = dict
        self._taken = datetime.now(UTC)
        self.closing = False
        self.seats = BoundedSemaphore(MOST_VIEWERS)
        self._server = _Server(host, port, self)
        self.url = self._server.url

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(TICK_S / 5,), name="eyespot-viewer", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self.closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def publish(self, draw: Draw, taken: datetime, status: Callable[[], dict[str, object]]) -> None:
        """Show from now on what `draw` returns, uint8 RGB of a frame taken at `taken`, and what `status` says."""
        with self._changed:
            self._number += 1
            self._draw, self._taken, self._status = draw, taken, status
            self._changed.notify_all()

    def next_jpeg(self, after: int) -> tuple[int, bytes] | None:
        """Return the newest frame and its number once it is above `after`; None if none comes soon."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self.closing, TICK_S)
            number, draw = self._number, self._draw
            if number <= after or draw is None or self.closing:
                return None
            if self._encoded[0] == number:
                return self._encoded
        bgr = cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR)
        encoded = (number, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
        with self._changed:
            self._encoded = max(self._encoded, encoded)
        return encoded

    def status(self) -> dict[str, object]:
        """Return what the page says below the picture."""
        with self._changed:
            age_s = (datetime.now(UTC) - self._taken).total_seconds() if self._draw else None
            return {"age_s": age_s, **self._status()}


class _Server(LocalServer):
    def __init__(self, host: str, port: int, viewer: Viewer) -> None:
        self.viewer = viewer
        super().__init__(host, port, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SEND_TIMEOUT_S

    def do_GET(self) -> None:
        if not self.server.admits(self.headers.get("Host")):
            return self.send_error(HTTPStatus.FORBIDDEN, "this page is for this machine alone")
        match urlsplit(self.path).path:
            case "/":
                return self._send("text/html; charset=utf-8", PAGE.encode())
            case "/status":
                return self._send("application/json", json.dumps(self.server.viewer.status()).encode())
            case "/frame.jpg":
                found = self.server.viewer.next_jpeg(0)
                if found is None:
                    return self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "there is no frame yet")
                return self._send("image/jpeg", found[1])
            case "/stream":
                return self._stream_if_there_is_room()
        return self.send_error(HTTPStatus.NOT_FOUND)

    def _stream_if_there_is_room(self) -> None:
        if not self.server.viewer.seats.acquire(blocking=False):
            return self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_VIEWERS} are looking already")
        try:
            self._stream()
        finally:
            self.server.viewer.seats.release()
        return None

    def _stream(self) -> None:
        viewer, number = self.server.viewer, 0
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        separator = f"\r\n--{BOUNDARY}\r\n".encode()
        self.wfile.write(separator)
        last = b""
        while not viewer.closing:
            if found := viewer.next_jpeg(number):
                number, jpeg = found
                last = jpeg
            elif last:
                # Chromium shows a part when the headers of the next have come; where none follows, it comes twice.
                jpeg, last = last, b""
            else:
                continue
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + separator)

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 # the standard library's name
        """Say nothing: standard error is for the watch."""
