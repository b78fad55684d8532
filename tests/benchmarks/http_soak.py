"""Mixed good, bad and oversize pictures at more than the service can take, each answer checked against the edge room.

Usage: python tests/benchmarks/http_soak.py [SECONDS]
Goals: no 500, no wrong answer, refusals only as 503, 413, 415 and 422, and memory that grows by at most 5 %
       after a fifth of the time.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from edge.classifier import Classifier
from edge.errors import ImageError
from serving.problems import IMAGE_STATUS
from tests.benchmarks.minivgg import make_artifact

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
CONNECTIONS, MAX_WAITING, MAX_PIXELS, MAX_BODY_BYTES = 32, 6, 1_000_000, 3_000_000
WARM_UP_SHARE = 0.2
GROWTH = 1.05
# Batches sum in another order than single pictures.
TOLERANCE = 1e-5
ALLOWED = {200, 413, 415, 422, 503}

Case = tuple[bytes, int, dict[str, float]]


def make_cases(classifier: Classifier) -> list[Case]:
    """Return bodies with the status, and for good ones the probabilities, that the edge room gives them."""
    chance = np.random.default_rng(0)
    bodies = []
    for i in range(60):
        pixels = cv2.resize(chance.integers(0, 256, (9, 9, 3), np.uint8), tuple(chance.integers(8, 700, 2).tolist()))
        whole = cv2.imencode(".png" if i % 3 else ".jpg", pixels)[1].tobytes()
        bodies.append(whole[: len(whole) // 2] if i % 10 == 9 else whole)
    bodies += [b"", b"words", cv2.imencode(".png", np.zeros((1001, 1000, 3), np.uint8))[1].tobytes()]
    cases = [(body, *expected(classifier, body)) for body in bodies if body]
    return [*cases, (bytes(MAX_BODY_BYTES + 1), 413, {})]


def expected(classifier: Classifier, body: bytes) -> tuple[int, dict[str, float]]:
    try:
        predictions = classifier.classify(body, max_pixels=MAX_PIXELS).predictions
    except ImageError as error:
        return IMAGE_STATUS[error.code], {}
    return 200, {p.label: p.probability for p in predictions}


async def ask(url: str, cases: list[Case], end: float, statuses: "Counter[int]", wrong: list[str]) -> None:
    """Send cases by chance over one connection until `end`."""
    chance = random.Random(id(statuses))
    async with httpx.AsyncClient(timeout=60) as client:
        while time.monotonic() < end:
            body, status, answer = chance.choice(cases)
            try:
                found = await client.post(f"{url}/v1/classify?top_k=99", content=body)
            except httpx.TransportError:
                statuses[0] += 1  # the service may hang up on a body that is too large
                if status != 413:
                    wrong.append("the connection broke")
                continue
            statuses[found.status_code] += 1
            if found.status_code not in (status, 503):
                wrong.append(f"{found.status_code} in place of {status}")
            elif found.status_code == 200:
                probabilities = {p["label"]: p["probability"] for p in found.json()["predictions"]}
                if max(abs(probabilities[label] - answer[label]) for label in answer) > TOLERANCE:
                    wrong.append("another answer than the edge's")


def memory_mb(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6


async def soak(url: str, pid: int, cases: list[Case], seconds: float) -> None:
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    end = time.monotonic() + seconds
    tasks = [asyncio.create_task(ask(url, cases, end, statuses, wrong)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(seconds * WARM_UP_SHARE)
    before = memory_mb(pid)
    await asyncio.gather(*tasks)
    after = memory_mb(pid)
    print(f"answers    {dict(sorted(statuses.items()))}")
    print(f"wrong      {len(wrong)} {sorted(set(wrong))}")
    print(f"memory     {before:.0f} MB after {seconds * WARM_UP_SHARE:.0f} s, {after:.0f} at the end")
    good = not wrong and after <= before * GROWTH and set(statuses) - {0} <= ALLOWED
    print("reached" if good else "MISSED")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        model = Path(folder, "model.onnx")
        model.write_bytes(make_artifact())
        cases = make_cases(Classifier.load(model))
        limits = {
            "max-waiting": MAX_WAITING,
            "max-images": 1,
            "max-pixels": MAX_PIXELS,
            "max-body-bytes": MAX_BODY_BYTES,
        }
        options = [text for name, value in limits.items() for text in (f"--{name}", str(value))]
        command = [EYESPOT, "serve", str(model), "--port", "3977", "--workers", "2", "--no-access-log", *options]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for("http://127.0.0.1:3977/readyz")
            asyncio.run(soak("http://127.0.0.1:3977", server.pid, cases, seconds))
        finally:
            server.send_signal(signal.SIGTERM)
            print(json.dumps({"exit status": server.wait(60)}))


def wait_for(url: str) -> None:
    while True:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)


if __name__ == "__main__":
    main()
