"""The application without a server, and a server as `eyespot serve` starts it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import cv2
import httpx
import numpy as np
import psutil
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from serving.app import build_app, middleware
from serving.routes import State
from serving.settings import Settings
from tests.waiting import until

Ask = Callable[..., httpx.Response]

STOP_S = 30
MAX_BODY_BYTES = 100_000
MAX_PIXELS = 10_000


def metric(ask: "Ask", name: str, **labels: str) -> float:
    """The sum of the samples of one name that have these labels, read by Prometheus' own parser."""
    families = text_string_to_metric_families(ask("GET", "/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def encode_png(level: int, height: int = 6, width: int = 5) -> bytes:
    """Return the PNG of a picture of one grey level."""
    return bytes(cv2.imencode(".png", np.full((height, width, 3), level, np.uint8))[1])


@contextmanager
def application(*models: Path, **settings: Any) -> Iterator[Starlette]:
    """The application around some models, with small limits, in this process; BentoML around it is another test's."""
    limits = {"max_body_bytes": MAX_BODY_BYTES, "max_pixels": MAX_PIXELS, "threads": 2}
    made = Settings(models=tuple(map(str, models)), **limits | settings)
    app = build_app()
    for layer in reversed(middleware(app, made)):
        app.add_middleware(layer.cls, **layer.kwargs)
    app.state.service = State.load(made, "cpu")
    try:
        yield app
    finally:
        app.state.service.repository.close()


@pytest.fixture
def app(tiny_model: Path) -> Iterator[Starlette]:
    """The application around the tiny model."""
    with application(tiny_model) as app:
        yield app


async def send(app: Starlette, method: str, path: str, **request: Any) -> httpx.Response:
    """Send one request to an application, without a network."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://eyespot") as client:
        return await client.request(method, path, **request)


@pytest.fixture
def ask(app: Starlette) -> Ask:
    """Return a function that sends one request to the application, without a network."""
    return asker(app)


def asker(app: Starlette) -> Ask:
    """Return a function that sends one request to `app`."""
    return lambda method, path, **request: anyio.run(partial(send, app, method, path, **request))


@contextmanager
def listening(app: Starlette) -> Iterator[str]:
    """The address of an application in a thread of this process; how BentoML starts one is another test's matter."""
    port = find_free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def find_free_port() -> int:
    """Return a port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Return once the server says that it is ready; fail with its log where it ends or takes too long."""

    def is_ready() -> bool:
        assert process.poll() is None, f"it ended with status {process.poll()}:\n{log.read_text()}"
        with suppress(httpx.TransportError):
            return httpx.get(f"{url}/readyz", verify=False).status_code == 200  # a test of TLS checks it itself
        return False

    until(is_ready, lambda: f"not ready:\n{log.read_text()}")


def workers(server: int) -> list[psutil.Process]:
    """Return the processes that live of those that the process `server` started."""
    children = psutil.Process(server).children()
    living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if "spawn_main" in " ".join(child.cmdline())]  # and not multiprocessing's tracker


@contextmanager
def serve(model: Path, cwd: Path, log: Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run `eyespot serve` in the folder `cwd`; yield its address and the process, and end it whatever happens."""
    with started(["eyespot", "serve", str(model), *options], cwd, log) as (url, process):
        yield url, process


@contextmanager
def started(
    arguments: list[str], cwd: Path, log: Path, environment: dict[str, str] | None = None
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a server that is installed beside this Python, on a free port; yield its address and the process."""
    port = find_free_port()
    command = [str(Path(sys.executable).with_name(arguments[0])), *arguments[1:], "--port", str(port)]
    # A group of its own, so that workers can be ended where the server itself does not end them.
    with log.open("wb") as errors, log.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=output, stderr=errors, start_new_session=True
        )
    try:
        url = f"{'https' if '--ssl-certfile' in arguments else 'http'}://127.0.0.1:{port}"
        wait_until_ready(process, url, log)
        yield url, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def served_lenet(lenet_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that answers with the trained LeNet."""
    folder = tmp_path_factory.mktemp("serve")
    with serve(lenet_model, folder, folder / "log.txt") as (url, _):
        yield url
