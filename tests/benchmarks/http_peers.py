"""What the service is measured against: the same network behind other servers, as their documentation shows.

Usage: python tests/benchmarks/http_peers.py SERVER MODEL PORT WORKERS
SERVER is bare-uvicorn, fastapi, or processes (no HTTP; prints pictures a second; PORT is seconds).
MODEL is the network alone, behind cut(): float32 [N, 32, 32, 3] to probabilities.
"""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

SIDE = 32


class Network:
    """Decode with OpenCV, shrink with its INTER_AREA, run with onnxruntime: the usual thirty lines."""

    def __init__(self, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, encoded: bytes) -> list[float]:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
        small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return self.run(small)

    def run(self, small: np.ndarray) -> list[float]:
        """Return the probabilities of one picture float32 [32, 32, 3], 0 to 1."""
        answer: list[float] = self.session.run(None, {"network_input": small[None]})[0][0].tolist()
        return answer


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application without a framework, as fast as one can be."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    content = json.dumps({"probabilities": network()(body)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def network() -> Network:
    """Return the network of this worker."""
    if not LOADED:
        cv2.setNumThreads(int(os.environ.get("PEER_THREADS", "1")))
        LOADED.append(Network(os.environ["PEER_MODEL"], int(os.environ.get("PEER_THREADS", "1"))))
    return LOADED[0]


LOADED: list[Network] = []


def make_fastapi() -> Any:
    """A path operation that reads the body, as the documentation of FastAPI has it."""
    from fastapi import FastAPI, Request

    app = FastAPI()

    async def classify(request):  # type: ignore[no-untyped-def]
        return {"probabilities": network()(await request.body())}

    classify.__annotations__["request"] = Request
    app.post("/classify")(classify)
    return app


def count(model: str, encoded: bytes, seconds: float, counts: Any) -> None:
    """Classify for so many seconds and report how many there were."""
    answer = Network(model, 1)
    cv2.setNumThreads(1)
    answer(encoded)
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        answer(encoded)
        done += 1
    counts.put(done / seconds)


def run_processes(model: str, seconds: float, workers: int) -> None:
    """Print how many pictures a second so many processes manage without HTTP."""
    encoded = Path(model).with_name("photo.jpg").read_bytes()
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    started = [context.Process(target=count, args=(model, encoded, seconds, counts)) for _ in range(workers)]
    for process in started:
        process.start()
    total = sum(counts.get() for _ in started)
    for process in started:
        process.join()
    print(json.dumps({"per_second": round(total, 1)}))


def main() -> None:
    server, model, port, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    os.environ["PEER_MODEL"] = model
    if server == "processes":
        run_processes(model, float(port), workers)
        return
    import uvicorn

    home = str(Path(__file__).parent)
    sys.path.insert(0, home)
    os.environ["PEER_THREADS"] = "1" if server == "bare-uvicorn" else "0"
    name, factory = ("http_peers:bare", False) if server == "bare-uvicorn" else ("http_peers:make_fastapi", True)
    uvicorn.run(name, factory=factory, port=int(port), workers=workers, log_level="error", app_dir=home)


if __name__ == "__main__":
    main()
