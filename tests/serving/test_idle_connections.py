"""Idle connections: which end and which do not, by themselves and on a real server."""

import asyncio
import resource
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from serving.fair_server import FairServer
from serving.idle_connections import IdleConnections, allow_open_files
from tests.serving.test_fair_server import running

WITHIN_S = 20
# More than the buffers of both ends of a loopback connection hold.
LARGE_BYTES = 16 << 20


@dataclass(eq=False)
class Request:
    """What uvicorn calls a cycle."""

    response_complete: bool = False


@dataclass(eq=False)
class Connection:
    """What uvicorn calls a protocol, and its transport."""

    cycle: Request | None = None
    closing: bool = False
    aborted: bool = False
    transport: Any = field(init=False)

    def __post_init__(self) -> None:
        self.transport = self

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True


def ended(connection: Connection, *looks: tuple[float, Request | None]) -> bool:
    """Whether a connection is ended by a limit of 10 s, if at these times these requests were its last."""
    idle = IdleConnections(10)
    for now_s, last in looks:
        connection.cycle = last
        idle.end([connection], now_s)
    return connection.aborted


def test_time_runs_while_no_request_is_under_way() -> None:
    done, later, under_way = Request(True), Request(True), Request()
    assert ended(Connection(), (0, None), (11, None))
    assert not ended(Connection(), (0, None), (9, None))
    assert ended(Connection(), (0, done), (11, done))
    assert not ended(Connection(), (0, done), (9, later), (18, later)), "one came and went between two looks"
    assert not ended(Connection(), (0, None), (6, under_way), (99, under_way), (100, done), (109, done))
    assert ended(Connection(closing=True), (0, under_way), (11, under_way)), "an answer that is not taken"


class Answers:
    """Answers / at once, /slow when it may, and /large with more than a client takes that does not read."""

    def __init__(self) -> None:
        self.may = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.to_thread(self.may.wait, WITHIN_S)
        body = bytes(LARGE_BYTES if scope["path"] == "/large" else 1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def received(client: socket.socket) -> int:
    """How many bytes come before the connection ends."""
    count = 0
    try:
        while piece := client.recv(1 << 20):
            count += len(piece)
    except ConnectionError:
        pass
    return count


@pytest.mark.parametrize("shared", [False, True], ids=["one worker", "of several"])
def test_silent_slow_and_deaf_clients_are_ended_and_those_that_wait_are_not(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    if shared:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    app = Answers()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = FairServer(config, idle_timeout_s=0.2)
    with running(server, listener):
        sent = [
            b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
            b"",
            b"",
            b"GET / HTTP/1.1\r\nHo",
            b"GET /large HTTP/1.0\r\n\r\n",
        ]
        clients = [socket.create_connection(listener.getsockname(), WITHIN_S) for _ in sent]
        for client, data in zip(clients, sent, strict=True):
            client.sendall(data)
        waiting, *idle, deaf = clients
        assert [received(client) for client in idle] == [0, 0, 0]
        app.may.set()
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200")
        # It begins to read when the others have long been ended.
        assert received(deaf) < LARGE_BYTES
        for client in clients:
            client.close()


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        allow_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
