"""A real service of two workers: one is killed, files are replaced, requests are in flight when it is told to end."""

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.edge.artifacts import restamped, written
from tests.serving.conftest import STOP_S, encode_png, serve, workers
from tests.waiting import LIMIT_S, until

pytestmark = pytest.mark.slow

KEY = "0123456789abcdef"


def label(url: str, level: int = 250) -> str:
    # A connection of its own for each request, so that both workers get some.
    answer = httpx.post(f"{url}/v1/classify", content=encode_png(level), headers={"X-API-Key": KEY}, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["predictions"][0]["label"])


def labels_now(url: str) -> set[str]:
    return {label(url) for _ in range(12)}


def test_a_service_lives_through_what_befalls_it(
    tiny_content: bytes, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYESPOT_API_KEYS", KEY)
    log = tmp_path / "log.txt"
    options = ["--workers", "2", "--threads", "1", "--reload-every-s", "0"]
    with serve(tiny_model, tmp_path, log, *options) as (url, process), ThreadPoolExecutor(4) as pool:
        until(lambda: len(workers(process.pid)) == 2)
        assert not any("EYESPOT_API_KEYS" in worker.environ() for worker in workers(process.pid))
        assert httpx.get(f"{url}/v1/models").status_code == 401
        assert labels_now(url) == {"bright"}

        # SIGHUP: a bad file is refused by both, a good one taken by both, and nobody notices.
        busy = threading.Event()
        asking = [pool.submit(ask_until, busy, url) for _ in range(2)]
        written(tiny_model, b"no model")
        process.send_signal(signal.SIGHUP)
        until(lambda: log.read_text().count("a model file was refused") == 2)
        assert labels_now(url) == {"bright"}
        written(tiny_model, restamped(tiny_content, labels=("bright", "middle", "dark")))
        process.send_signal(signal.SIGHUP)
        until(lambda: log.read_text().count('"message": "model loaded"') == 2)
        assert labels_now(url) == {"dark"}
        busy.set()
        assert set().union(*(found.result() for found in asking)) == {"bright", "dark"}

        # One worker is killed; another takes its place.
        before = workers(process.pid)
        os.kill(before[0].pid, signal.SIGKILL)
        until(lambda: len(workers(process.pid)) == 2 and before[0].pid not in [w.pid for w in workers(process.pid)])
        assert labels_now(url) == {"dark"}
        metrics = httpx.get(f"{url}/metrics", headers={"X-API-Key": KEY}).text
        assert 'eyespot_worker_deaths_total{signal="SIGKILL"} 1.0' in metrics
        assert f'"pid": {before[0].pid}, "signal": "SIGKILL"' in log.read_text()
        assert 'eyespot_pictures_total{model="tiny",outcome="ok"}' in metrics

        # A request is half sent when the service is told to end: it is still answered.
        body = encode_png(250)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as half:
            head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
            half.sendall(head.encode() + body[:20])
            assert label(url) == "dark"  # a later one is through, so the half one has arrived
            process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(url))
            half.sendall(body[20:])
            half.settimeout(LIMIT_S)
            assert half.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert process.wait(STOP_S) == 0
    assert "Traceback" not in log.read_text()


def ask_until(enough: threading.Event, url: str) -> set[str]:
    found = set()
    while not enough.is_set():
        found.add(label(url))
    return found


def accepts(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
