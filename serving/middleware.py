"""What happens to every request before and after its route.

`RequestMiddleware` gives it an id, bounds its time, stops work that nobody waits for any more, counts and logs.
`KeyMiddleware` asks for a key. `BodyMiddleware` reads the body, and never more of it than the limits allow.
"""

import asyncio
import logging
import random
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.auth import CHALLENGES, OPEN_PATHS
from serving.errors import CLIENT_CLOSED_REQUEST, RequestError, overloaded, problem

if TYPE_CHECKING:
    from serving.routes import State

REQUEST_ID = "X-Request-ID"
ACCEPTED_ID = re.compile(r"[\x21-\x7e]{1,128}")
OTHER_ROUTE = "other"
# A request must take so long before it is worth finding out whether its client is still there.
LOOK_AFTER_S = 0.1
# What zlib calls the wrappers of gzip (RFC 1952) and of HTTP's deflate (RFC 1950).
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# Nobody else is answered while JSON of this size is parsed: 0.1 s as numbers, 0.4 s at worst.
MAX_JSON_BYTES = 4 << 20
PIXELS_PATH = "/classify_pixels"

access = logging.getLogger("eyespot.access")


class Admission:
    """Counts the pictures, and the bytes of bodies, that a worker holds. For the event loop's thread only."""

    def __init__(self, limit: int, max_bytes: int, report: Callable[[int], None]) -> None:
        """Admit at most `limit` pictures and `max_bytes`; `report` is called with the pictures when they change."""
        self.limit = limit
        self.pictures = 0
        self.bytes = 0
        self._max_bytes = max_bytes
        self._report = report

    @contextmanager
    def hold(self, count: int = 1) -> Iterator[None]:
        """Hold places for so many pictures. Raises RequestError 503 with Retry-After."""
        if self.pictures + count > self.limit:
            raise overloaded(f"{self.pictures} pictures are waiting and {self.limit} may")
        self.pictures += count
        self._report(self.pictures)
        try:
            yield
        finally:
            self.pictures -= count
            self._report(self.pictures)

    def receive(self, held: int, size: int) -> None:
        """Count `size` more bytes of a body of which `held` are here. Raises RequestError 503.

        A body that is alone may have any size below the limit for bodies.
        """
        if self.bytes > held and self.bytes + size > self._max_bytes:
            raise overloaded(
                f"the bodies that are received have {self.bytes:,} bytes; the limit is {self._max_bytes:,}"
            )
        self.bytes += size


class Exchange:
    """One request on its way in and its answer on the way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.began = time.perf_counter()
        # A HEAD request is a GET whose body the server drops.
        self.scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        given = Headers(scope=scope).get(REQUEST_ID, "")
        # It is no secret, so the system's randomness is not needed.
        self.id = given if ACCEPTED_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        self.method = scope["method"]
        self.status = 0
        self.gone = False
        # What routes know and the log wants.
        self.fields: dict[str, Any] = self.scope.setdefault("eyespot", {})
        self._receive = receive
        self._send = send
        self._body_ended = False

    async def receive(self) -> Message:
        """Return the next message of the request."""
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the answer, with the request's id in its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.id
        await self._send(message)

    async def answer(self, status: int, code: str, message: str) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self.status:
            await problem(self.scope, status, code, message)(self.scope, self.receive, self.send)

    async def watch(self, task: "asyncio.Task[Any]") -> None:
        """Cancel `task` once the client has gone; while its body still comes, its reader would notice."""
        await asyncio.sleep(LOOK_AFTER_S)
        while not self._body_ended:
            await asyncio.sleep(LOOK_AFTER_S)
        if (await self._receive())["type"] == "http.disconnect" and not self.status:
            self.gone = True
            task.cancel()


class Layer:
    """An ASGI middleware around `app`; the application `ours` has the state."""

    def __init__(self, app: ASGIApp, ours: Starlette) -> None:
        self._app = app
        self._ours = ours

    @property
    def _state(self) -> "State":
        state: State = self._ours.state.service
        return state


class RequestMiddleware(Layer):
    """Ids, time limit, clients that go away, defects, log and metrics."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see to its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = self._state
        exchange = Exchange(scope, receive, send)
        try:
            await self._pass_on(exchange, state.settings.request_timeout_s)
        finally:
            self._note(exchange, state)

    async def _pass_on(self, exchange: Exchange, limit_s: float) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        watchers: list[asyncio.Task[None]] = []
        timer = loop.call_later(
            LOOK_AFTER_S, lambda: watchers.append(loop.create_task(exchange.watch(task))) if task else None
        )
        try:
            async with asyncio.timeout(limit_s):
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except TimeoutError:
            await exchange.answer(504, "timeout", f"a request may take {limit_s:g} s")
        except asyncio.CancelledError:
            if not (exchange.gone and task and task.uncancel() == 0):
                raise
            await exchange.answer(CLIENT_CLOSED_REQUEST, "client_closed_request", "the client closed the connection")
        except Exception:  # noqa: BLE001 # one request's failure is answered as one, whatever it is
            access.exception("an error in the service", extra={"request_id": exchange.id})
            await exchange.answer(500, "internal_error", f"an error in the service; its log has it as {exchange.id}")
        finally:
            timer.cancel()
            for watcher in watchers:
                watcher.cancel()

    @staticmethod
    def _note(exchange: Exchange, state: "State") -> None:
        seconds = time.perf_counter() - exchange.began
        route = getattr(exchange.scope.get("route"), "path", OTHER_ROUTE) or OTHER_ROUTE
        status = exchange.status or 500
        state.metrics.count_request(route, status, exchange.fields.get("code"), seconds)
        if state.settings.access_log:
            fields = {"request_id": exchange.id, "method": exchange.method, "route": route, "status": status}
            fields["duration_ms"] = round(seconds * 1000, 3)
            access.info("request", extra=fields | exchange.fields)


class KeyMiddleware(Layer):
    """Answers 401 where a key is needed and none or a wrong one was sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it may come in."""
        keys = self._state.keys if scope["type"] == "http" else None
        if keys is None or not keys.required or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if keys.accepts(headers.get("authorization", ""), headers.get("x-api-key", "")):
            await self._app(scope, receive, send)
            return
        response = problem(scope, 401, "unauthorized", "this needs an API key: Authorization: Bearer KEY")
        response.raw_headers.extend(CHALLENGES)
        await response(scope, receive, send)


class BodyMiddleware(Layer):
    """Reads the body of a POST before its route runs: bounded, decompressed, and counted as a picture from the start.

    Routes get it in one piece.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then pass the request on. Answers 400, 413, 415 and 503 where that cannot be done."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        state = self._state
        held = [0]
        try:
            with state.admission.hold():
                await self._app(scope, await self._read(scope, receive, state, held), send)
        except RequestError as error:
            response = problem(scope, error.status, error.code, str(error), error.headers)
            await response(scope, receive, send)
        except ClientDisconnect:
            response = problem(
                scope, CLIENT_CLOSED_REQUEST, "client_closed_request", "the client closed the connection"
            )
            await response(scope, receive, send)
        finally:
            state.admission.bytes -= held[0]

    async def _read(self, scope: Scope, receive: Receive, state: "State", held: list[int]) -> Receive:
        """Return a `receive` that gives the whole body at once."""
        limit = state.settings.max_body_bytes
        if scope["path"] == PIXELS_PATH:
            limit = min(limit, MAX_JSON_BYTES)
        pieces = []
        async for piece in _body_stream(Request(scope, receive), limit):
            state.admission.receive(held[0], len(piece))
            held[0] += len(piece)
            pieces.append(piece)
        whole = [{"type": "http.request", "body": b"".join(pieces), "more_body": False}]
        pieces.clear()

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        return replay


async def _body_stream(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body piece by piece, decompressed.

    Raises RequestError 413 as soon as it is known to be too large, 415 for an unknown encoding, 400 for compressed
    data that is damaged; ClientDisconnect.
    """
    too_large = RequestError(413, "body_too_large", f"a request body may have {max_bytes:,} bytes")
    encoding = request.headers.get("content-encoding", "").strip().lower() or "identity"
    if encoding not in ("identity", *WINDOW_BITS):
        message = f"a body may be compressed with gzip or deflate, not {encoding[:40]!r}"
        raise RequestError(415, "unsupported_encoding", message, {"Accept-Encoding": "gzip, deflate, identity"})
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > max_bytes):
        raise too_large
    pieces: AsyncIterator[bytes] = request.stream()
    if encoding != "identity":
        pieces = _decompressed(pieces, WINDOW_BITS[encoding], max_bytes)
    left = max_bytes
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise too_large
        yield piece


async def _decompressed(pieces: AsyncIterator[bytes], window_bits: int, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield what `pieces` hold; none is larger than the limit and one byte, whatever a bomb would make of it."""
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


class OursFirst(Layer):
    """Sends all but BentoML's own addresses to our application.

    BentoML would answer health and metrics with an empty line, and unknown paths with a text.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to one of both."""
        path = scope.get("path", "")
        is_theirs = (
            scope["type"] != "http" or path in (PIXELS_PATH, "/schema.json") or path.startswith("/static_content/")
        )
        await (self._app if is_theirs else self._ours)(scope, receive, send)
