"""A page that shows the annotated frames live, for devices without a screen.

Frames are drawn and encoded by the thread of the request, so that a browser does not slow down the watch, and only
while one looks.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from threading import Condition, Thread
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.web import LocalServer, content_policy, with_style

PAGE = with_style(files("edge.watch").joinpath("viewer.html").read_text(encoding="utf-8"))
POLICY = content_policy(PAGE, "img-src blob: data:")
JPEG_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]
WAIT_S = 0.5  # of a request for the next frame; then it gets the status of the source alone


class Viewer(LocalServer):
    """Serves the page at `url` until `close`; `publish` replaces what it shows. Raises as `LocalServer`."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, _Handler)
        self._changed, self._number = Condition(), 0
        self._draw: Callable[[], NDArray[np.uint8]] | None = None
        self._encoded = (0, b"")
        self.status: Callable[[], dict[str, object]] = dict
        Thread(target=self.serve_forever, args=(0.1,), name="eyespot-viewer", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self.shutdown()
        self.server_close()

    def publish(self, draw: Callable[[], NDArray[np.uint8]], status: Callable[[], dict[str, object]]) -> None:
        """Show the picture that `draw` returns, uint8 RGB [H, W, 3], and the status."""
        with self._changed:
            self._number += 1
            self._draw, self.status = draw, status
            self._changed.notify_all()

    def next_jpeg(self, after: int) -> tuple[int, bytes]:
        """Return the newest frame and its number once that is above `after`; no bytes if none comes in `WAIT_S`."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after, WAIT_S)
            number, draw, encoded = self._number, self._draw, self._encoded
        if number <= after or draw is None:
            return after, b""
        if encoded[0] != number:
            jpeg = cv2.imencode(".jpg", cv2.cvtColor(draw(), cv2.COLOR_RGB2BGR), JPEG_QUALITY)[1]
            self._encoded = encoded = (number, jpeg.tobytes())
        return encoded


class _Handler(BaseHTTPRequestHandler):
    server: Viewer
    timeout = 10  # seconds

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        body, headers = PAGE.encode(), {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
        if not self.server.admits(self.headers.get("Host")):
            return self.send_error(HTTPStatus.FORBIDDEN, "this page is for this machine alone")
        if asked.path == "/frame.jpg":
            after = parse_qs(asked.query).get("after", ["0"])[0]
            number, body = self.server.next_jpeg(int(after[:9]) if after.isdecimal() else 0)
            status = json.dumps(self.server.status())
            headers = {"Content-Type": "image/jpeg", "X-Frame": str(number), "X-Status": status}
        elif asked.path != "/":
            return self.send_error(HTTPStatus.NOT_FOUND)
        self.send_response(HTTPStatus.OK if body else HTTPStatus.NO_CONTENT)
        for name, value in (headers | {"Content-Length": str(len(body)), "Cache-Control": "no-store"}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        """Log nothing."""
