"""A load generator: so many connections that each send the next request when the last one is answered.

Usage: python tests/benchmarks/http_load.py PORT PATH FILE CONNECTIONS SECONDS [CONTENT_TYPE]
Prints one JSON object: requests a second, latencies in ms, and how many answers had which status.
"""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

HEAD_END = b"\r\n\r\n"
WARM_UP_S = 1.0
# Workers that share a socket would otherwise take whatever waits: all connections, or none.
APART_S = 0.02


def main() -> None:
    port, path, file, connections, seconds = sys.argv[1:6]
    content_type = sys.argv[6] if len(sys.argv) > 6 else "image/jpeg"
    body = Path(file).read_bytes()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    print(json.dumps(uvloop.run(load(int(port), head.encode() + body, int(connections), float(seconds)))))


async def load(port: int, request: bytes, connections: int, seconds: float) -> dict[str, object]:
    """Return what was measured after the first second."""
    begin = time.perf_counter() + WARM_UP_S
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one(port, request, begin, begin + seconds, latencies, statuses))
            await asyncio.sleep(APART_S)
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "per_second": round(len(latencies) / seconds, 1),
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
        "statuses": statuses,
    }


async def one(
    port: int, request: bytes, begin: float, end: float, latencies: list[float], statuses: "Counter[str]"
) -> None:
    """Keep one connection busy until `end`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (started := time.perf_counter()) < end:
        writer.write(request)
        head = (await reader.readuntil(HEAD_END)).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        if started >= begin:
            latencies.append(time.perf_counter() - started)
            statuses[head.split()[1].decode()] += 1
    writer.close()


if __name__ == "__main__":
    main()
