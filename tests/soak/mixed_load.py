"""Mixed good, bad and oversize pictures at more than the service can take, each answer checked against the edge room.

What must hold: no 500, no wrong answer, refusals only as 503, 413, 415 and 422, nothing in the log that looks like a
crash, and memory that grows by at most 5 % after a fifth of the time. And it must do its work: good pictures are
classified, and no more requests are refused as one too many than so many connections explain.
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil

from edge.classifier import Classifier
from edge.errors import ImageError
from serving.errors import IMAGE_STATUS
from tests.benchmarks.minivgg import make_artifact
from tests.serving.conftest import serve
from tests.soak.outcome import Effort, Outcome

WORKERS, MAX_WAITING, MAX_PIXELS, MAX_BODY_BYTES = 2, 6, 1_000_000, 3_000_000
# A closed loop: so many requests are always under way, and more than a third of them are refused early.
CONNECTIONS = 3 * WORKERS * MAX_WAITING
LIMITS = {"max-waiting": MAX_WAITING, "max-images": 1, "max-pixels": MAX_PIXELS, "max-body-bytes": MAX_BODY_BYTES}
WARM_UP_SHARE, WINDOW_SHARE = 0.2, 0.1
GROWTH = 1.05
# Batches sum in another order than single pictures.
TOLERANCE = 1e-5
REFUSED = {413, 415, 422, 503}
HUNG_UP = 0  # the service may do so on a body that is too large, while it is still being sent
# In 30 s on two cores, which the clients share, and in two tries of three others, 51 to 84 % of the good pictures were
# classified, 49 to 16 % of all requests were one too many, and no large body was hung up on. Far from that is:
SERVED_SHARE, TOO_MANY_SHARES = 0.2, (0.02, 0.8)
HUNG_UP_SHARE = 0.2


@dataclass(frozen=True)
class Case:
    """A body with the status, and for a good one the probabilities, that the edge room gives it."""

    body: bytes
    status: int
    probabilities: dict[str, float]

    @property
    def is_large(self) -> bool:
        return len(self.body) > MAX_BODY_BYTES


@dataclass
class Seen:
    """What came back: how often each status where which was due, and to large bodies; faults; memory by the second."""

    answers: "Counter[tuple[int, int]]" = field(default_factory=Counter)
    large: "Counter[int]" = field(default_factory=Counter)
    wrong: "Counter[str]" = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def count(self, case: Case, status: int) -> None:
        self.answers[case.status, status] += 1
        self.large[status] += case.is_large


def run(effort: Effort) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.onnx"
        model.write_bytes(make_artifact())
        cases = make_cases(Classifier.load(model))
        options = [text for key, value in LIMITS.items() for text in (f"--{key}", str(value))]
        options += ["--workers", str(WORKERS), "--no-access-log"]
        with serve(model, folder, folder / "log.txt", *options) as (url, process):
            seen = asyncio.run(load(url, process.pid, cases, effort))
        failures = [f"{count} times {text}" for text, count in seen.wrong.items()]
        failures += [] if process.returncode == 0 else [f"the service ended with status {process.returncode}"]
        failures += ["a traceback in the log"] if "Traceback" in (folder / "log.txt").read_text() else []
    return Outcome(sum(seen.answers.values()), failures + judge(seen, effort.load_s))


def make_cases(classifier: Classifier) -> list[Case]:
    chance = np.random.default_rng(0)
    bodies = []
    for i in range(60):
        pixels = cv2.resize(chance.integers(0, 256, (9, 9, 3), np.uint8), tuple(chance.integers(8, 700, 2).tolist()))
        whole = cv2.imencode(".png" if i % 3 else ".jpg", pixels)[1].tobytes()
        bodies.append(whole[: len(whole) // 2] if i % 10 == 9 else whole)
    bodies += [b"words", b"GIF89", cv2.imencode(".png", np.zeros((1001, 1000, 3), np.uint8))[1].tobytes()] * 2
    return [*(expected(classifier, body) for body in bodies), *[Case(bytes(MAX_BODY_BYTES + 1), 413, {})] * 2]


def expected(classifier: Classifier, body: bytes) -> Case:
    try:
        predictions = classifier.classify(body, None, MAX_PIXELS).predictions
    except ImageError as error:
        return Case(body, IMAGE_STATUS[error.code], {})
    return Case(body, 200, {p.label: p.probability for p in predictions})


async def load(url: str, pid: int, cases: list[Case], effort: Effort) -> Seen:
    """Keep all connections busy for the time, and look at the memory every second."""
    seen = Seen()
    begun = time.monotonic()
    end = begun + effort.load_s
    tasks = [asyncio.create_task(ask(url, cases, end, effort.chance(f"load {i}"), seen)) for i in range(CONNECTIONS)]
    while (now := time.monotonic()) < end:
        seen.memory.append(((now - begun) / effort.load_s, memory_mb(pid)))
        await asyncio.sleep(1.0)
    await asyncio.gather(*tasks)
    return seen


async def ask(url: str, cases: list[Case], end: float, chance: random.Random, seen: Seen) -> None:
    """Send cases by chance over one connection until `end`."""
    async with httpx.AsyncClient(timeout=60) as client:
        while time.monotonic() < end:
            case = chance.choice(cases)
            try:
                found = await client.post(f"{url}/v1/classify?top_k=99", content=case.body)
            except httpx.TransportError as error:
                seen.count(case, HUNG_UP)
                if not case.is_large:
                    seen.wrong[f"the connection broke ({type(error).__name__})"] += 1
                continue
            seen.count(case, found.status_code)
            if found.status_code not in (case.status, 503):
                seen.wrong[f"{found.status_code} in place of {case.status}"] += 1
            elif found.status_code == 200 and not same(found, case.probabilities):
                seen.wrong["another answer than the edge's"] += 1


def same(found: httpx.Response, due: dict[str, float]) -> bool:
    probabilities = {p["label"]: p["probability"] for p in found.json()["predictions"]}
    return probabilities.keys() == due.keys() and all(abs(probabilities[k] - due[k]) <= TOLERANCE for k in due)


def memory_mb(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6


def judge(seen: Seen, seconds: float) -> list[str]:
    """Print what was counted; return what of it must not be."""
    for (due, status), count in sorted(seen.answers.items()):
        print(f"due {due}, answered {status or 'by hanging up'}: {count:,}")
    statuses = answered_to(seen, None)
    answered = statuses.total()
    print(f"{answered / seconds:.0f} requests a second, {statuses[503] / max(answered, 1):.0%} of them one too many")
    before = peak_mb(seen, WARM_UP_SHARE)
    after = peak_mb(seen, 1.0)
    print(f"memory: at most {before:.0f} MB once warm, {after:.0f} MB at the end ({after / before - 1:+.1%})")
    failures = [f"{count} answers with {s}" for s, count in statuses.items() if s not in {200, HUNG_UP, *REFUSED}]
    failures += [f"no answer with {s}: that was not tried" for s in (200, *sorted(REFUSED)) if not statuses[s]]
    failures += judge_shares(statuses, answered_to(seen, 200), seen.large)
    failures += [f"memory grew from {before:.0f} to {after:.0f} MB"] if after > before * GROWTH else []
    return failures


def answered_to(seen: Seen, due: int | None) -> "Counter[int]":
    """Return how often each status came where `due` was due, or at all."""
    statuses = Counter[int]()
    for (was_due, status), count in seen.answers.items():
        statuses[status] += count * (due in (None, was_due))
    return statuses


def judge_shares(all_of_them: "Counter[int]", good: "Counter[int]", large: "Counter[int]") -> list[str]:
    """Return which shares say that the service refuses its work, or that there was too little of it."""
    served, hung_up = good[200] / max(good.total(), 1), large[HUNG_UP] / max(large.total(), 1)
    too_many, (least, most) = all_of_them[503] / max(all_of_them.total(), 1), TOO_MANY_SHARES
    failures = [f"only {served:.0%} of the good pictures were classified"] if served < SERVED_SHARE else []
    failures += [f"{too_many:.0%} were one too many"] if not least <= too_many <= most else []
    failures += [f"it hung up on {hung_up:.0%} of the large bodies"] if hung_up > HUNG_UP_SHARE else []
    return failures + ([] if large[413] else ["no large body was answered with 413"])


def peak_mb(seen: Seen, until: float) -> float:
    """Return the most memory in the tenth of the time that ends at the share `until`."""
    return max(mb for at, mb in seen.memory if until - WINDOW_SHARE <= at <= until)
