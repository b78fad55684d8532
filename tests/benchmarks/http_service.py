"""The service over HTTP against bare processes, bare uvicorn, FastAPI and LitServe, in interleaved rounds.

Usage: python tests/benchmarks/http_service.py [ROUNDS] [SECONDS]
Goals: at 16 connections at least 0.80 of two bare processes, 1.5 times FastAPI and LitServe with one worker,
       0.95 of bare uvicorn with as many workers, p99 at most 2.5 times p50; at one connection p50 at most 1.3
       times bare uvicorn. MiniVGGNet with random weights (their values do not matter here), a 320x240 JPEG.
Needs: pip install fastapi litserve
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from serving.cut import cut
from tests.benchmarks.minivgg import make_artifact

HERE = Path(__file__).parent
EYESPOT = str(Path(sys.executable).with_name("eyespot"))
WORKERS = "2"
START_S = 60
BOUNDARY = "frontier"

Figures = dict[str, Any]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = sys.argv[2] if len(sys.argv) > 2 else "8"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder)
        found: dict[str, list[Figures]] = {}
        for _ in range(rounds):
            for case, figures in measure_all(folder, seconds).items():
                found.setdefault(case, []).append(figures)
    report(found)


def make_files(folder: Path) -> None:
    content = make_artifact()
    (folder / "model.onnx").write_bytes(content)
    (folder / "network.onnx").write_bytes(cut(content, "model").network)
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    photo = cv2.imencode(".jpg", cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))[1].tobytes()
    (folder / "photo.jpg").write_bytes(photo)
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    (folder / "form").write_bytes(head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode())


def measure_all(folder: Path, seconds: str) -> dict[str, Figures]:
    peers = [sys.executable, str(HERE / "http_peers.py")]
    network, photo = str(folder / "network.onnx"), str(folder / "photo.jpg")
    form = [str(folder / "form"), f"multipart/form-data; boundary={BOUNDARY}"]
    ours = [EYESPOT, "serve", str(folder / "model.onnx"), "--workers", WORKERS, "--no-access-log", "--port"]
    quiet = subprocess.run([*peers, "processes", network, seconds, WORKERS], capture_output=True, text=True, check=True)
    found = {"two bare processes": json.loads(quiet.stdout)}
    found |= measure("eyespot", lambda port: [*ours, port], "/v1/classify?top_k=10", [photo], seconds)
    bare = [*peers, "bare-uvicorn", network]
    found |= measure("bare uvicorn", lambda port: [*bare, port, WORKERS], "/", [photo], seconds)
    fastapi = [*peers, "fastapi", network]
    found |= measure("fastapi", lambda port: [*fastapi, port, "1"], "/classify", [photo], seconds)
    litserve = [sys.executable, str(HERE / "http_litserve.py"), network]
    found |= measure("litserve", lambda port: [*litserve, port, "1"], "/predict", form, seconds)
    return found


def measure(name: str, command: Any, path: str, body: list[str], seconds: str) -> dict[str, Figures]:
    """Return the figures of one server at 16 connections and at one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command(port), stdout=log, stderr=log, start_new_session=True, cwd=HERE.parent.parent)
        try:
            wait_for(server, port, path)
            return {f"{name}, {n}": load(port, path, body, n, seconds) for n in ("16", "1")}
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(START_S)


def load(port: str, path: str, body: list[str], connections: str, seconds: str) -> Figures:
    call = [sys.executable, str(HERE / "http_load.py"), port, path, body[0], connections, seconds, *body[1:]]
    found: Figures = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    if set(found["statuses"]) != {"200"}:
        sys.exit(f"{path}: {found}")
    return found


def wait_for(server: "subprocess.Popen[bytes]", port: str, path: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", b"", timeout=5).close()
        except urllib.error.HTTPError:
            return  # it answers, if only to say that this is no image
        except OSError:
            time.sleep(0.2)
    sys.exit(f"no server at {path}")


def report(found: dict[str, list[Figures]]) -> None:
    def median(case: str, figure: str = "per_second") -> float:
        return statistics.median(round_[figure] for round_ in found[case])

    for case, rounds in found.items():
        rest = (
            ""
            if "p50_ms" not in rounds[0]
            else f"p50 {median(case, 'p50_ms'):7.2f}  p99 {median(case, 'p99_ms'):7.2f} ms"
        )
        print(f"{case:<20} {median(case):7.0f} a second   {rest}")
    ours, p50 = median("eyespot, 16"), median("eyespot, 1", "p50_ms")
    goals = [
        ("of two bare processes", ours / median("two bare processes"), 0.80, True),
        ("times FastAPI", ours / median("fastapi, 16"), 1.5, True),
        ("times LitServe", ours / median("litserve, 16"), 1.5, True),
        ("of bare uvicorn", ours / median("bare uvicorn, 16"), 0.95, True),
        ("p99 / p50 at 16", median("eyespot, 16", "p99_ms") / median("eyespot, 16", "p50_ms"), 2.5, False),
        ("p50 at 1 / bare uvicorn", p50 / median("bare uvicorn, 1", "p50_ms"), 1.3, False),
        ("p99 / p50 at 1", median("eyespot, 1", "p99_ms") / p50, 2.5, False),
    ]
    for name, value, goal, at_least in goals:
        reached = value >= goal if at_least else value <= goal
        bound, verdict = "at least" if at_least else "at most", "reached" if reached else "MISSED"
        print(f"{name:<26} {value:6.2f}   goal {bound} {goal}: {verdict}")


if __name__ == "__main__":
    main()
