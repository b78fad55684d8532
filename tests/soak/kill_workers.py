"""Workers are killed with -9 while requests come: others are answered, and the service is whole again within 10 s.

A worker is first stopped, so that it takes no more connections, then its connections are listed, then it is killed.
Only requests on those may be lost; one that breaks on any other connection is a failure.
"""

import http.client
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from edge.classifier import Classifier
from tests.benchmarks.minivgg import make_artifact
from tests.edge.pictures import whole_files
from tests.serving.conftest import serve, workers
from tests.soak.outcome import Effort, Outcome
from tests.waiting import until

WORKERS, CLIENTS = 2, 8
BACK_WITHIN_S = 10.0
REQUESTS_A_CONNECTION = 20
TOLERANCE = 1e-5
# What uvicorn logs when a worker is ready.
STARTED = "Application startup complete."
BROKEN = (ConnectionError, http.client.HTTPException, TimeoutError)


@dataclass
class Seen:
    """What the clients saw, and the ports on their side of connections to workers that were killed."""

    counts: "Counter[str]" = field(default_factory=Counter)
    doomed: set[int] = field(default_factory=set)
    broken: list[tuple[int, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)


def run(effort: Effort) -> Outcome:
    chance, seen = effort.chance("kill-workers"), Seen()
    body, backs = whole_files()["jpeg"], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.onnx"
        model.write_bytes(make_artifact())
        best = Classifier.load(model).classify(body).predictions[0].probability
        options = ("--workers", str(WORKERS), "--no-access-log")
        with serve(model, folder, folder / "log.txt", *options) as (url, process), ThreadPoolExecutor(CLIENTS) as pool:
            port = int(url.rpartition(":")[2])
            back(folder / "log.txt", WORKERS)
            clients = [pool.submit(ask, port, body, best, seen) for _ in range(CLIENTS)]
            try:
                for _ in range(effort.loops):
                    seen.enough.wait(chance.uniform(0.2, 1.0))
                    backs.append(kill(process.pid, port, folder / "log.txt", chance, seen))
            finally:
                seen.enough.set()
            for client in clients:
                client.result()
        failures = [] if process.returncode == 0 else [f"the service ended with status {process.returncode}"]
    lost = [text for port, text in seen.broken if port not in seen.doomed]
    print(
        f"{len(backs)} kills; whole again after {max(backs):.1f} s at most, {sorted(backs)[len(backs) // 2]:.1f} median"
    )
    print(f"requests: {dict(seen.counts)}; {len(seen.broken)} broke, {len(lost)} of them not in a killed worker")
    failures += [f"whole again only after {s:.1f} s" for s in backs if s > BACK_WITHIN_S]
    return Outcome(sum(seen.counts.values()) + len(seen.broken), failures + lost + seen.wrong)


def ask(port: int, body: bytes, best: float, seen: Seen) -> None:
    """Send requests, so many on each connection, and note every answer until that is enough."""
    while not seen.enough.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        own_port = connection.sock.getsockname()[1]
        try:
            for _ in range(REQUESTS_A_CONNECTION):
                connection.request("POST", "/v1/classify?top_k=1", body)
                answer = connection.getresponse()
                content = answer.read()
                seen.counts[str(answer.status)] += 1
                if answer.status != 200:
                    seen.wrong.append(f"{answer.status}: {content!r:.200}")
                elif abs(json.loads(content)["predictions"][0]["probability"] - best) > TOLERANCE:
                    seen.wrong.append(f"another answer than the edge's: {content!r:.200}")
        except BROKEN as error:
            seen.broken.append((own_port, f"a request broke that was not in a killed worker: {error!r}"))
        finally:
            connection.close()


def kill(server: int, port: int, log: Path, chance: random.Random, seen: Seen) -> float:
    """Kill one worker, at times all of them, and return after how many seconds the service is whole again."""
    before = workers(server)
    doomed = before if chance.random() < 0.25 else [chance.choice(before)]
    starts = log.read_text().count(STARTED) + len(doomed)
    for worker in doomed:
        os.kill(worker.pid, signal.SIGSTOP)
        until(lambda stopped=worker: stopped.status() == psutil.STATUS_STOPPED)  # type: ignore[misc]
        seen.doomed |= clients_of(worker, port)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    begun = time.monotonic()
    back(log, starts)
    return time.monotonic() - begun


def back(log: Path, starts: int) -> None:
    """Return once so many workers have started in all, or after a minute."""
    end = time.monotonic() + 6 * BACK_WITHIN_S
    while log.read_text().count(STARTED) < starts and time.monotonic() < end:
        time.sleep(0.05)


def clients_of(worker: psutil.Process, port: int) -> set[int]:
    """Return the ports, on the other side, of a worker's connections."""
    try:
        connections = worker.net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {c.raddr.port for c in connections if c.raddr and c.laddr.port == port}
