"""The page over HTTP: what it asks for, what it sends, and who may.

| request | answer |
|---|---|
| `GET /` | the page |
| `GET /about` | `About` |
| `GET /screen`, `/screen?item=N` | `Screen`, of the first open item or of one |
| `GET /crop?item=N&key=K`, `/picture?item=N&key=K` | a picture |
| `POST /answer` (`Answer`), `POST /undo` (`Undo`) | the next `Screen`, once the answer is on the disk |

Whatever goes wrong is `{"error": "..."}`: 400 the request, its item or label, 403 a stranger, 404 no such place, 409
another tab was quicker, 410 the picture has changed, 413 and 415 the body, 507 the disk refuses it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from edge.errors import EyespotError, ImageError, OutputError, UsageError
from edge.web.local_server import LocalServer
from edge.web.style import content_policy, with_style
from training.annotate.aim import Aim, StaleError
from training.annotate.pictures import Pictures
from training.annotate.screen import About, Screen, Screens
from training.annotate.session import Session
from training.annotate.survey import Item

T = TypeVar("T")

PAGE = with_style(files("training.annotate").joinpath("page.html").read_text(encoding="utf-8"))
POLICY = content_policy(PAGE, "img-src 'self' data:")
MOST_BODY_BYTES = 65_536
# An idle connection is closed after so long; the browser opens another.
IDLE_S = 30
STATUS = {
    StaleError: HTTPStatus.CONFLICT,
    ImageError: HTTPStatus.GONE,
    OutputError: HTTPStatus.INSUFFICIENT_STORAGE,
    UsageError: HTTPStatus.BAD_REQUEST,
}


@dataclass(frozen=True)
class Answer:
    """What a key press sends: a `label` for what is labelled, None for what is ignored.

    `whole_picture` goes with ignored, and means all that is open of the picture.
    """

    aim: Aim
    state: Literal["labelled", "ignored"]
    label: str | None
    whole_picture: bool

    def __post_init__(self) -> None:
        if (self.state == "labelled") != (self.label is not None):
            raise ValueError("what is labelled, and nothing else, has a label")
        if self.whole_picture and self.state != "ignored":
            raise ValueError("whole_picture goes with ignored alone")


@dataclass(frozen=True)
class Undo:
    """What Backspace sends: the number of the entry to take back, with all that were written together with it."""

    last: int


class Server(LocalServer):
    """Serves a session at `url`. Raises UsageError if the address cannot be had."""

    def __init__(
        self, host: str, port: int, session: Session, screens: Screens, pictures: Pictures, about: About
    ) -> None:
        self.session, self.screens, self.pictures, self.about = session, screens, pictures, about
        super().__init__(host, port, _Handler)

    def take(self, answer: Answer) -> Screen:
        """Write an answer and return what comes next."""
        if answer.whole_picture:
            warning = self.session.ignore_picture(answer.aim)
        else:
            warning = self.session.answer(answer.aim, answer.label)
        return self.screens.show(self.screens.behind(answer.aim.item), warning)

    def take_back(self, undo: Undo) -> Screen:
        """Undo an answer and return its item, the first of several."""
        key, warning = self.session.undo(undo.last)
        return self.screens.show(self.session.index_of[key], warning)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet, or the second waits for the receipt of the first
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def _answered(self, method: Callable[[], None]) -> None:
        if not self.server.admits(self.headers.get("Host")):
            return self._refuse(HTTPStatus.FORBIDDEN, "this page is for this machine alone")
        try:
            return method()
        except EyespotError as error:
            status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
            return self._refuse(status, str(error))

    def _get(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        match asked.path:
            case "/":
                return self._send("text/html; charset=utf-8", PAGE.encode(), "no-cache")
            case "/about":
                return self._send_json(self.server.about)
            case "/screen":
                index = self._index(query) if "item" in query else self.server.screens.first()
                return self._send_json(self.server.screens.show(index))
            case "/crop":
                return self._send("image/png", self.server.pictures.shown_crop(self._item(query)), "max-age=3600")
            case "/picture":
                return self._send(*self.server.pictures.shown_picture(self._item(query)), "max-age=3600")
        return self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self) -> None:
        # A browser says from which page a request comes; another site's must not label here.
        if self.headers.get("Origin") not in [f"{scheme}://{self.headers.get('Host')}" for scheme in ("http", "https")]:
            return self._refuse(HTTPStatus.FORBIDDEN, "answers are taken from this server's own page alone")
        if self.headers.get_content_type() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        length = self.headers.get("Content-Length", "")
        if not (length.isdecimal() and len(length) < 9 and int(length) <= MOST_BODY_BYTES):
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MOST_BODY_BYTES} bytes")
        body = self.rfile.read(int(length))
        match self.path:
            case "/answer":
                return self._send_json(self.server.take(_parsed(Answer, body)))
            case "/undo":
                return self._send_json(self.server.take_back(_parsed(Undo, body)))
        return self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def _index(self, query: dict[str, str]) -> int:
        text = query.get("item", "")
        if not (text.isascii() and text.isdecimal() and int(text[:9]) < len(self.server.session.items)):
            raise UsageError(f"item must be 0 to {len(self.server.session.items) - 1}. Received: {text[:20]!r}")
        return int(text[:9])

    def _item(self, query: dict[str, str]) -> Item:
        item = self.server.session.items[self._index(query)]
        if item.key != query.get("key"):
            raise StaleError("this page is of an earlier start")
        return item

    def _send_json(self, value: object) -> None:
        self._send("application/json", json.dumps(msgspec.to_builtins(value)).encode(), "no-store")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True  # a body may be there that nobody has read
        self._send("application/json", json.dumps({"error": message}).encode(), "no-store", status)

    def _send(self, kind: str, body: bytes, cache: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 # the standard library's name
        """Say nothing: standard error is for what the user should know."""


def _parsed(kind: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except ValueError as error:
        raise UsageError(f"the body cannot be read: {error}") from None
