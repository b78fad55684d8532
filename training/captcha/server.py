"""Serve captchas over HTTP, a fresh one for each request, and write down what each of them says.

The truth goes to a file of its own before the captcha leaves, one line of JSON with the SHA-256 of what was sent, so
that a reader can be judged afterwards. Nothing of it is served.
"""

import hashlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from edge.local_server import LocalServer
from training.captcha.drawing import draw_captcha

PATH = "/captcha.png"
ROBOTS = b"User-agent: *\nAllow: /\n"
# A client that takes nothing, or asks for nothing, for so long is gone.
TIMEOUT_S = 30


class CaptchaServer(LocalServer):
    """A server of the captchas of `seed` on this machine, at `url`; port 0 takes a free one.

    It goes on behind the last line of the file `truth`, and ends by itself after `count` captchas, where that is given.
    Raises UsageError for a port that cannot be had.
    """

    def __init__(self, port: int, seed: int, count: int | None, truth: Path) -> None:
        self._seed, self._left, self._truth = seed, count, truth
        self._turn = threading.Lock()
        truth.parent.mkdir(parents=True, exist_ok=True)
        with truth.open("a+b") as lines:
            lines.seek(0)
            self._number = sum(1 for _ in lines)
        super().__init__("127.0.0.1", port, _Handler)
        self.url += PATH[1:]

    def next_captcha(self) -> bytes | None:
        """Return the next captcha as PNG, once its truth is written; None when there are no more."""
        with self._turn:
            if self._left == 0:
                return None
            captcha = draw_captcha(self._seed, self._number + 1)
            encoded = captcha.encode()
            record = {"number": self._number + 1, "sha256": hashlib.sha256(encoded).hexdigest(), "text": captcha.text}
            with self._truth.open("a", encoding="ascii") as lines:
                lines.write(json.dumps(record) + "\n")
            self._number += 1
            self._left = None if self._left is None else self._left - 1
            return encoded

    def end_if_done(self) -> None:
        """Stop serving, from any thread but the one that serves, if the last captcha has left."""
        if self._left == 0:
            self.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S
    server: CaptchaServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/robots.txt":
            self._send(ROBOTS, "text/plain")
        elif path != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif captcha := self.server.next_captcha():
            self._send(captcha, "image/png")
            self.wfile.flush()
            self.server.end_if_done()
        else:
            self.send_error(HTTPStatus.GONE)

    def _send(self, content: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a line for each captcha would bury the address."""
