"""A load generator: so many connections that each send the next request when the last one is answered.

Usage: python tests/benchmarks/http_load.py PORT PATH FILE CONNECTIONS SECONDS [CONTENT_TYPE]
With a folder as FILE its files are sent in turn.
Prints one JSON object: requests a second, latencies in ms, how many answers had which status, and the milliseconds of
processor time that it took itself for each. It shares the machine with the server, so it does as little as it can.
"""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
WARM_UP_S = 1.0
# Workers that share a socket would otherwise take whatever waits: all connections, or none.
APART_S = 0.02


class Load:
    """What all connections send, until when, and what they have measured since `begin`."""

    def __init__(self, requests: Iterator[bytes], begin: float, end: float) -> None:
        self.requests, self.begin, self.end = requests, begin, end
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()


class Connection(asyncio.Protocol):
    """Keeps one connection busy until the end."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        self.started = time.perf_counter()
        if self.started < self.load.end:
            self.transport.write(next(self.load.requests))
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(HEAD_END)
        if not found or len(body) < int(head.lower().partition(LENGTH)[2].partition(b"\r")[0]):
            return
        if self.started >= self.load.begin:
            self.load.latencies.append(time.perf_counter() - self.started)
            self.load.statuses[head[9:12].decode()] += 1
        self.received = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set_exception(error) if error else self.over.set_result(None)


def main() -> None:
    port, path, file, connections, seconds = sys.argv[1:6]
    content_type = sys.argv[6] if len(sys.argv) > 6 else "image/jpeg"
    files = sorted(Path(file).iterdir()) if Path(file).is_dir() else [Path(file)]
    requests = cycle([make_request(path, content_type, body.read_bytes()) for body in files])
    print(json.dumps(uvloop.run(measure(int(port), requests, int(connections), float(seconds)))))


def make_request(path: str, content_type: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def measure(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> dict[str, object]:
    """Return what was measured after the first second."""
    begin = time.perf_counter() + WARM_UP_S
    load = Load(requests, begin, begin + seconds)
    loop = asyncio.get_running_loop()
    busy = []
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
        busy.append(connection.over)
        await asyncio.sleep(APART_S)
    used = time.process_time()
    await asyncio.gather(*busy)
    used = time.process_time() - used
    cuts = statistics.quantiles(load.latencies, n=100)
    return {
        "per_second": round(len(load.latencies) / seconds, 1),
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
        "statuses": load.statuses,
        "client_ms": round(used / max(1, len(load.latencies)) * 1e3, 3),
    }


if __name__ == "__main__":
    main()
