"""Serve captchas over HTTP, a fresh one for each request, and write down what each of them says.

The truth goes to a file of its own before the captcha leaves, one line of JSON with the SHA-256 of what was sent, so
that a reader can be judged afterwards. Nothing of it is served.
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge.errors import OutputError
from edge.files import AppendOnlyFile
from edge.web.local_server import LocalServer
from training.captcha.drawing import draw_captcha

PATH = "/captcha.png"
ROBOTS = b"User-agent: *\nAllow: /\n"
# A client that takes nothing, or asks for nothing, for so long is gone.
TIMEOUT_S = 30
# What the first line begins with, and all that may be there when it was cut off.
FIRST_BYTES = b'{"number": '


@dataclass(frozen=True)
class Truth:
    """What captcha `number` of the series says, and the SHA-256 of its picture in hexadecimal."""

    number: int
    sha256: str
    text: str


class CaptchaServer(LocalServer):
    """A server of the captchas of `seed` on this machine, at `url`; port 0 takes a free one.

    It goes on behind the last line of the file `truth`, and ends by itself after `count` captchas, where that is given.
    Raises UsageError for a port that cannot be had, OutputError for a file that another holds, or of something else.
    """

    def __init__(self, port: int, seed: int, count: int | None, truth: Path) -> None:
        self._seed, self._left, self._on_their_way = seed, count, 0
        self._turn = threading.Lock()
        self._truth = AppendOnlyFile(truth, f"{truth}: another server is writing it; end it, or name another --truth")
        try:
            self._number = _recover(self._truth)
        except BaseException:
            self._truth.close()
            raise
        super().__init__("127.0.0.1", port, _Handler)
        self.url += PATH[1:]

    def server_close(self) -> None:
        """Stop listening, and close the file, which also unlocks it."""
        super().server_close()
        with self._turn:
            self._left = 0
            if not self._number:
                self._truth.discard()
            self._truth.close()

    def next_captcha(self) -> bytes | None:
        """Return the next captcha as PNG, once its truth is written; None when there are no more."""
        with self._turn:
            if self._left == 0:
                return None
            captcha = draw_captcha(self._seed, self._number + 1)
            encoded = captcha.encode()
            truth = Truth(self._number + 1, hashlib.sha256(encoded).hexdigest(), captcha.text)
            self._truth.append((json.dumps(msgspec.to_builtins(truth)).encode() + b"\n"), flush=False)
            self._number += 1
            self._left = None if self._left is None else self._left - 1
            self._on_their_way += 1
            return encoded

    def has_left(self) -> None:
        """Note that a captcha was sent, or could not be; behind the last one stop serving.

        Call it from any thread but the one that serves.
        """
        with self._turn:
            self._on_their_way -= 1
            done = self._left == self._on_their_way == 0
        if done:
            self.shutdown()


def _recover(truth: AppendOnlyFile) -> int:
    """Return the number of the last captcha in the file, 0 for none; a line that was cut off is not there any more.

    Its captcha had not left. Raises OutputError, and cuts nothing, for a file of something else.
    """
    lines, torn = truth.read_lines()
    last = 0
    for number, line in enumerate(lines, 1):
        try:
            last = msgspec.json.decode(line, type=Truth).number
        except ValueError as error:
            raise OutputError(f"{truth.path}: line {number} is damaged ({error}); name another --truth") from None
    if not lines and not torn.startswith(FIRST_BYTES[: len(torn)]):
        raise OutputError(f"{truth.path}: it is no truth about captchas; name another --truth")
    truth.keep(truth.size - len(torn))
    return last


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
            try:
                self._send(captcha, "image/png")
            finally:
                self.server.has_left()
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
