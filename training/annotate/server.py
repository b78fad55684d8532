"""The page over HTTP, on this machine only.

`GET /` is the page, `/screen` the first open item, `/screen?key=K` another, `/picture?key=K` its picture, `/crop?key=K`
what a model will see of it. `POST /answer?key=K&label=L` (without L: ignore it) and `/undo` give the next screen once
they are on the disk. An error is `{"error": "..."}`: 400 the request, 403 another site, 404 no page, 507 the disk.
"""

from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit

import msgspec
from PIL import Image

from edge.classifier import Classifier
from edge.errors import EyespotError, ImageError
from edge.web import LocalServer, content_policy, with_style
from training.annotate.items import Cutter
from training.annotate.session import Session

PAGE = with_style(files("training.annotate").joinpath("page.html").read_text(encoding="utf-8"))
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": content_policy(PAGE, "img-src 'self' data:"),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
JSON, SCREEN_PX, LARGEST_PNG_PIXELS = "application/json", 1600, 250_000


class Server(LocalServer):
    """Serves a session at `url`, with the guesses of a `model`. Raises UsageError if the port is taken."""

    def __init__(self, port: int, session: Session, cutter: Cutter, model: Classifier | None) -> None:
        self.session, self.cutter, self.model = session, cutter, model
        self.about = {"noun": cutter.noun, "labels": session.labels, "items": len(session.items)}
        super().__init__("127.0.0.1", port, _Handler)

    def screen(self, key: str = "", behind: str = "") -> bytes:
        """Return what the page shows of an item, by default of the first open one behind another, as JSON."""
        session, keys, left = self.session, list(self.session.items), self.session.open(behind)
        key = key or (left[0] if left else behind or keys[-1])
        index, item, guess = keys.index(key), session.items[key], session.items[key].guess
        if self.model:
            with suppress(ImageError):  # the page sees for itself that it cannot be shown
                (best,) = self.model.classify(self.cutter.crop(item, session.place(item)), 1).predictions
                guess = best.label, best.probability
        known = guess if guess and guess[0] in (session.labels or guess) else None
        around = keys[max(index - 1, 0)], keys[min(index + 1, len(keys) - 1)]
        shown = {"item": item, "index": index, "around": around, "left": len(left), "guess": known}
        state = {"present": item.folder and item.folder.name, "answer": session.held.get(key)}
        counts = {"counts": Counter(session.held.values())}
        return msgspec.json.encode(self.about | shown | state | counts, enc_hook=ascii)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        try:
            status, kind, content = self._answer()
        except (EyespotError, OSError, ValueError) as error:
            message = str(error)
            if isinstance(error, OSError) and error.strerror:
                message = f"not saved: {error.filename}: {error.strerror}; repair that and answer again"
            status, kind = 507 if isinstance(error, OSError) else 400, JSON
            content = msgspec.json.encode({"error": message})
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(content))} | HEADERS).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 # the standard library's name; what is posted is in the address

    def _answer(self) -> tuple[int, str, bytes]:
        url, server, session = urlsplit(self.path), self.server, self.server.session
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        # A browser says from which page a request comes; another site's must not label here.
        own = self.command == "GET" or self.headers.get("Origin") == f"http://{self.headers.get('Host')}"
        if not (own and server.admits(self.headers.get("Host"))):
            return 403, JSON, b'{"error": "this is for this machine and its own page only"}'
        key = query.get("key", "")
        if key and key not in session.items:
            return 400, JSON, b'{"error": "there is no such item any more; load the page again"}'
        match self.command, url.path:
            case "GET", "/":
                return 200, "text/html; charset=utf-8", PAGE.encode()
            case "GET", "/screen":
                return 200, JSON, server.screen(key)
            case "GET", "/picture" | "/crop" if key:
                item = session.items[key]
                image = Image.fromarray(server.cutter.crop(item, session.place(item), url.path == "/picture"))
                image.thumbnail((SCREEN_PX, SCREEN_PX))  # a screen shows no more
                kind = "png" if image.width * image.height <= LARGEST_PNG_PIXELS else "jpeg"
                image.save(stream := BytesIO(), kind, quality=90)
                return 200, f"image/{kind}", stream.getvalue()
            case "POST", "/answer" if key:
                session.answer(key, query.get("label", ""))
                return 200, JSON, server.screen(behind=key)
            case "POST", "/undo":
                return 200, JSON, server.screen(session.undo())
        return 404, JSON, b'{"error": "there is no such page"}'

    def log_message(self, *_: object) -> None:
        """Log no requests: standard error is for what the user should know."""
