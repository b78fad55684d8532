"""Sharing connections out, in two processes; that a whole service does so is for test_supervision."""

import errno
import math
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from serving import fair_server
from serving.fair_server import ConnectionCounts, FairServer

OTHER = """
import sys
from pathlib import Path
from serving.fair_server import ConnectionCounts
counts = ConnectionCounts(Path(sys.argv[1]))
counts.publish(3)
print("published", flush=True)
sys.stdin.readline()
"""


def test_each_worker_sees_what_the_others_have_and_takes_the_place_of_one_that_ended(tmp_path: Path) -> None:
    path = tmp_path / "connections"
    counts = ConnectionCounts(path)
    assert counts.least_of_others() == math.inf
    for _ in range(2):  # the second finds the place that the first left without a word
        command = [sys.executable, "-c", OTHER, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "published\n"
            assert counts.least_of_others() == 3
            other.kill()
        assert counts.least_of_others() == 3
    counts.leave()


def test_no_worker_is_lost_for_want_of_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_server, "MOST_WORKERS", 0)
    with pytest.raises(OSError, match="more than 0 workers"):
        ConnectionCounts(tmp_path / "connections")


async def no_content(scope: Scope, receive: Receive, send: Send) -> None:
    """An application without anything to say."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def running(server: FairServer, listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def test_a_worker_that_may_open_no_more_files_goes_on_listening_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Full(socket.socket):
        refused = 0

        def accept(self) -> "tuple[socket.socket, object]":
            if Full.refused < 2:
                Full.refused += 1
                raise OSError(errno.EMFILE, "too many open files")
            return super().accept()

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(fair_server, "RETRY_S", 0.05)
    listener = Full()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = FairServer(uvicorn.Config(no_content, log_config=None, lifespan="off"))
    with running(server, listener), socket.create_connection(listener.getsockname()) as client:
        client.settimeout(10)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 204")
    assert Full.refused == 2
