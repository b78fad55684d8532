"""A load generator: so many connections that each send the next request when the last one is answered.

Usage: python http_load.py PORT PATH FILE CONNECTIONS SECONDS [CONTENT_TYPE]
Prints one JSON object: requests a second, latencies in ms, how many answers had which status, and the milliseconds of
processor time that it took itself for each. It shares the machine with the server, so it does as little as it can.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
WARM_UP_S = 1.0
# Workers that share a socket would otherwise take whatever waits: all connections, or none.
APART_S = 0.02

Answer = tuple[float, str]  # seconds and status


def main() -> None:
    port, path, file, connections, seconds = sys.argv[1:6]
    content_type, body = sys.argv[6] if len(sys.argv) > 6 else "image/jpeg", Path(file).read_bytes()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    found = uvloop.run(measure(int(port), head.encode() + body, int(connections), float(seconds)))
    print(json.dumps(found))


async def measure(port: int, request: bytes, connections: int, seconds: float) -> dict[str, object]:
    """Return what was measured after the first second."""
    begin = time.perf_counter() + WARM_UP_S
    answers: list[Answer] = []
    busy = []
    for _ in range(connections):
        busy.append(asyncio.create_task(keep_busy(port, request, begin, begin + seconds, answers)))
        await asyncio.sleep(APART_S)
    used = time.process_time()
    await asyncio.gather(*busy)
    used = time.process_time() - used
    cuts = statistics.quantiles([latency for latency, _ in answers], n=100)
    return {
        "per_second": round(len(answers) / seconds, 1),
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
        "statuses": Counter(status for _, status in answers),
        "client_ms": round(used / max(1, len(answers)) * 1e3, 3),
    }


async def keep_busy(port: int, request: bytes, begin: float, end: float, answers: list[Answer]) -> None:
    """Send the request over one connection, again and again, and note the answers since `begin`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (started := time.perf_counter()) < end:
        writer.write(request)
        head = await reader.readuntil(HEAD_END)
        length = LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        if started >= begin:
            answers.append((time.perf_counter() - started, head[9:12].decode()))
    writer.close()


if __name__ == "__main__":
    main()
