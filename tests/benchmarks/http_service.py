"""The service over HTTP against bare processes, bare uvicorn, FastAPI, LitServe and plain BentoML, in turns.

Usage: python -m tests.benchmarks.http_service [ROUNDS] [SECONDS]
Goals: at 16 connections at least 0.80 of two bare processes, 1.5 times FastAPI, LitServe and plain BentoML with one
       worker, which is how their documentation shows them, 0.95 of bare uvicorn with as many workers, p99 at most 2.5
       times p50; at one connection p50 at most 1.3 times bare uvicorn. MiniVGGNet with random weights (their values do
       not matter here), a 320x240 JPEG. Everything else has two workers; those three are measured with two as well,
       as experienced users run them.
Needs: the packages of requirements.txt
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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from serving.inference.sessions import split_model
from tests.benchmarks.measuring import EYESPOT, at_least, at_most, in_turns, ratios
from tests.benchmarks.minivgg import make_artifact, make_int8

HERE = Path(__file__).parent
WORKERS = "2"
MANY, ALL = ("16",), ("16", "1")  # connections
START_S = 60
# Workers start one after another, and the first may answer long before the last.
SETTLE_S = 3
# The python of the peers, in whose environment eyespot is not; in this one where there is no other.
PEERS = os.environ.get("BENCHMARK_PEERS", sys.executable)
BOUNDARY = "frontier"

Figures = dict[str, Any]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = sys.argv[2] if len(sys.argv) > 2 else "8"
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        turns = in_turns(make_cases(Path(folder), seconds), rounds)
    found: dict[str, list[Figures]] = {}
    for each in turns.values():
        for figures in each:
            for case, measured in figures.items():
                found.setdefault(case, []).append(measured)
    report(found)


def make_files(folder: Path) -> None:
    content = make_artifact()
    (folder / "model.onnx").write_bytes(content)
    (folder / "int8.onnx").write_bytes(make_int8())
    (folder / "network.onnx").write_bytes(split_model(content, "model")[1])
    chance = np.random.default_rng(0)
    photo = encode_photo(chance, (320, 240))
    (folder / "photo.jpg").write_bytes(photo)
    for file, field in (("form", "file"), ("bento-form", "image")):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="a.jpg"\r\n'
        head += "Content-Type: image/jpeg\r\n\r\n"
        (folder / file).write_bytes(head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode())


def encode_photo(chance: np.random.Generator, sides: tuple[int, int]) -> bytes:
    """Return a JPEG of smooth colours."""
    colours = cv2.resize(chance.integers(0, 256, (24, 32, 3), np.uint8), sides, interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", colours)[1].tobytes()


def make_cases(folder: Path, seconds: str) -> dict[str, Callable[[], dict[str, Figures]]]:
    """Return what measures each of the servers, and the bare processes: figures by name and connections."""
    peers = [PEERS, str(HERE / "http_peers.py")]
    network, photo = str(folder / "network.onnx"), [str(folder / "photo.jpg")]
    form = [str(folder / "form"), f"multipart/form-data; boundary={BOUNDARY}"]
    bento = [str(folder / "bento-form"), form[1]]
    processes = [*peers, "processes", network, seconds, WORKERS]
    cases: dict[str, Callable[[], dict[str, Figures]]] = {"processes": lambda: bare_processes(processes)}

    def add(
        name: str, command: list[str], after_port: list[str], path: str, body: list[str], many: Iterable[str]
    ) -> None:
        def measured() -> dict[str, Figures]:
            found = serving_load(lambda port: [*command, port, *after_port], path, body, many, seconds)
            return {f"{name}, {n}": figures for n, figures in found.items()}

        cases[name] = measured

    for name, file, body, connections in (
        ("eyespot", "model.onnx", photo, ALL),
        ("eyespot int8", "int8.onnx", photo, MANY),
    ):
        ours = [EYESPOT, "serve", str(folder / file), "--workers", WORKERS, "--no-access-log", "--port"]
        add(name, ours, [], "/v1/classify?top_k=10", body, connections)
    add("bare uvicorn", [*peers, "bare-uvicorn", network], [WORKERS], "/", photo, ALL)
    for name, command, path, body in (
        ("FastAPI", [*peers, "fastapi", network], "/classify", photo),
        ("LitServe", [PEERS, str(HERE / "http_litserve.py"), network], "/predict", form),
        ("plain BentoML", [PEERS, str(HERE / "http_bentoml.py"), network], "/classify", bento),
    ):
        for workers in ("1", WORKERS):
            add(f"{name} {workers}", command, [workers], path, body, MANY)
    return cases


def bare_processes(command: list[str]) -> dict[str, Figures]:
    quiet = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"two bare processes": json.loads(quiet.stdout)}


def serving_load(
    command: Any, path: str, body: list[str], connections: Iterable[str], seconds: str
) -> dict[str, Figures]:
    """Start a server on a free port and return its figures by the number of connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command(port), stdout=log, stderr=log, start_new_session=True, cwd=HERE.parent.parent)
        try:
            if not answers(server, port, path):
                log.seek(0)
                sys.exit(f"no server at {path}: {log.read().decode()}")
            time.sleep(SETTLE_S)
            return {n: load(port, path, body, n, seconds) for n in connections}
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait(START_S)


def load(port: str, path: str, body: list[str], connections: str, seconds: str) -> Figures:
    call = [sys.executable, str(HERE / "http_load.py"), port, path, body[0], connections, seconds, *body[1:]]
    found: Figures = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    if set(found["statuses"]) != {"200"}:
        sys.exit(f"{path}: {found}")
    return found


def answers(server: "subprocess.Popen[bytes]", port: str, path: str) -> bool:
    """Return True once the server answers, if only to say that this is no image; False if it never does."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", b"", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def report(found: dict[str, list[Figures]]) -> None:
    def all_of(case: str, figure: str = "per_second") -> list[float]:
        return [round_[figure] for round_ in found[case]]

    for case, rounds in found.items():
        tail = ""
        if "p50_ms" in rounds[0]:
            p50, p99 = (statistics.median(all_of(case, figure)) for figure in ("p50_ms", "p99_ms"))
            tail = f"   p50 {p50:7.2f}  p99 {p99:7.2f} ms"
        print(f"{case:<20} {statistics.median(all_of(case)):7.0f} a second{tail}")
    ours, lone = all_of("eyespot, 16"), all_of("eyespot, 1", "p50_ms")
    at_least("HTTP, 16 connections, of two bare processes", ratios(ours, all_of("two bare processes")), 0.80)
    at_least(
        "bare uvicorn, of two bare processes", ratios(all_of("bare uvicorn, 16"), all_of("two bare processes")), None
    )
    for peer in ("FastAPI", "LitServe", "plain BentoML"):
        for workers, words, goal in (("1", "one worker", 1.5), (WORKERS, "two workers", None)):
            times = ratios(ours, all_of(f"{peer} {workers}, 16"))
            at_least(f"HTTP, 16 connections, times {peer} of {words}", times, goal)
    at_least("HTTP, 16 connections, of bare uvicorn", ratios(ours, all_of("bare uvicorn, 16")), 0.95)
    at_least("HTTP, 16 connections, int8 / float32", ratios(all_of("eyespot int8, 16"), ours), 1.0)
    at_most(
        "HTTP, p99 / p50 at 16 connections",
        ratios(all_of("eyespot, 16", "p99_ms"), all_of("eyespot, 16", "p50_ms")),
        2.5,
    )
    at_most("HTTP, p50 at one connection / bare uvicorn", ratios(lone, all_of("bare uvicorn, 1", "p50_ms")), 1.3)
    at_most("HTTP, p99 / p50 at one connection", ratios(all_of("eyespot, 1", "p99_ms"), lone), 2.5)


if __name__ == "__main__":
    main()
