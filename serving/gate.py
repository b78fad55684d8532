"""The gate: what every request passes before and after its route.

It gives each a name, asks for a key, bounds its time, stops work that nobody waits for any more, and counts
and logs what became of it.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.keys import ApiKeys
from serving.metrics import OTHER_ROUTE, Metrics
from serving.problems import CLIENT_CLOSED_REQUEST, problem
from serving.settings import Settings

REQUEST_ID = "X-Request-ID"
ACCEPTED_ID = re.compile(r"[\x21-\x7e]{1,128}")
OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"})
# Two lines, and first the one that a browser asks for a password on: Chromium takes a line for a single challenge.
CHALLENGES = (("WWW-Authenticate", 'Basic realm="eyespot"'), ("WWW-Authenticate", "Bearer"))
# How long a request must take before it is worth finding out whether its client is still there.
LOOK_AFTER_S = 0.1

access = logging.getLogger("eyespot.access")


def new_id() -> str:
    """Return a name that no other request has. It is no secret, so it need not ask the system for randomness."""
    return f"{random.getrandbits(128):032x}"


class Exchange:
    """One request on its way in and its answer on the way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.began = time.perf_counter()
        self.scope = scope
        self.headers = Headers(scope=scope)
        given = self.headers.get(REQUEST_ID, "")
        self.id = given if ACCEPTED_ID.fullmatch(given) else new_id()
        self.status = 0
        self.gone = False
        # What routes know and the log wants.
        self.facts: dict[str, Any] = scope.setdefault("eyespot", {})
        self._receive = receive
        self._send = send
        self._body_ended = False

    async def receive(self) -> Message:
        """Take the next piece of the request."""
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send the next piece of the answer, with the request's name in its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.id
        await self._send(message)

    async def answer(self, status: int, code: str, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer with an error, unless an answer has begun."""
        if self.status:
            return
        response = problem(self.scope, status, code, message)
        for name, value in headers:
            response.headers.append(name, value)
        await response(self.scope, self.receive, self.send)

    async def watch(self, task: "asyncio.Task[Any]") -> None:
        """Cancel `task` once the client has gone away; while its body still comes, its reader would notice."""
        await asyncio.sleep(LOOK_AFTER_S)
        while not self._body_ended:
            await asyncio.sleep(LOOK_AFTER_S)
        if (await self._receive())["type"] == "http.disconnect" and not self.status:
            self.gone = True
            task.cancel()


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: ApiKeys, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._keys = keys
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._pass_on(exchange)
        finally:
            self._note(exchange)

    def _admits(self, exchange: Exchange) -> bool:
        if not self._keys.required or exchange.scope["path"] in OPEN_PATHS:
            return True
        return self._keys.accepts(exchange.headers.get("authorization", ""), exchange.headers.get("x-api-key", ""))

    async def _answer(self, exchange: Exchange) -> None:
        if self._admits(exchange):
            await self._app(exchange.scope, exchange.receive, exchange.send)
        else:
            await exchange.answer(401, "unauthorized", "this needs an API key: Authorization: Bearer KEY", CHALLENGES)

    async def _pass_on(self, exchange: Exchange) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        watchers: list[asyncio.Task[None]] = []
        timer = loop.call_later(
            LOOK_AFTER_S, lambda: watchers.append(loop.create_task(exchange.watch(task))) if task else None
        )
        limit = self._settings.request_timeout_s
        try:
            async with asyncio.timeout(limit):
                await self._answer(exchange)
        except TimeoutError:
            await exchange.answer(504, "timeout", f"a request may take {limit:g} s")
        except asyncio.CancelledError:
            if not (exchange.gone and task and task.uncancel() == 0):
                raise
            exchange.status = CLIENT_CLOSED_REQUEST
        except Exception:  # noqa: BLE001 # whatever it is, one request's failure is answered as one
            access.exception("an error in the service", extra={"fields": {"request_id": exchange.id}})
            await exchange.answer(500, "internal_error", f"an error in the service; its log has it as {exchange.id}")
        finally:
            timer.cancel()
            for watcher in watchers:
                watcher.cancel()

    def _note(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        route = getattr(exchange.scope.get("route"), "path", OTHER_ROUTE) or OTHER_ROUTE
        status = exchange.status or 500
        code = exchange.facts.get("code")
        self._metrics.count_request(route, status, code, seconds)
        if self._settings.access_log:
            fields = {"request_id": exchange.id, "method": exchange.scope["method"], "route": route, "status": status}
            fields |= {"duration_ms": round(seconds * 1000, 3)} | exchange.facts
            access.info("request", extra={"fields": fields})
