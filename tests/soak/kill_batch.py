"""`eyespot batch` is killed with -9 at random moments and resumed until it is done: no byte may differ for it.

Two thirds of the kills come at any moment of the run; one third is aimed at its last moments, when the output is
written from the rows.
"""

import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.minivgg import make_artifact
from tests.edge.pictures import whole_files
from tests.soak.commands import eyespot, started
from tests.soak.outcome import Effort, Outcome

FORMATS = (".jsonl", ".csv", ".parquet")
INPUTS, KILLS_A_LOOP = 2_000, 5
SOME_FAILED = 1
# How long the last moments are: rows to CSV takes about as long.
LAST_MOMENTS_S = 0.05


def run(effort: Effort) -> Outcome:
    chance = effort.chance("kill-batch")
    kills, failures = Counter[str](), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrange(folder)
        begun = time.monotonic()
        wholes = {suffix: whole(folder, suffix) for suffix in FORMATS}
        seconds = (time.monotonic() - begun) / len(FORMATS)
        for loop in range(effort.loops):
            suffix = FORMATS[loop % len(FORMATS)]
            aimed = loop // len(FORMATS) % 3 == 2
            failures += [
                f"loop {loop} ({suffix}): {text}" for text in go(folder, suffix, aimed, seconds, chance, kills)
            ]
            if (folder / f"r{suffix}").read_bytes() != wholes[suffix]:
                failures.append(f"loop {loop}: {suffix} differs from that of an uninterrupted run")
            failures += left_over(folder, suffix)
    print(f"{effort.loops} loops of {INPUTS:,} inputs, uninterrupted {seconds:.1f} s; killed while {dict(kills)}")
    return Outcome(sum(kills.values()), failures)


def arrange(folder: Path) -> None:
    """Write the model, pictures of all kinds with two that are none, and a list that names them over and over."""
    (folder / "model.onnx").write_bytes(make_artifact())
    files = whole_files() | {"empty": b"", "words": b"no picture"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    names = list(files)
    (folder / "list.txt").write_text("\n".join(names[i % len(names)] for i in range(INPUTS)))


def arguments(output: str) -> list[str]:
    return ["batch", "model.onnx", "list.txt", "--output", output, "--resume", "--quiet", "--threads", "2"]


def whole(folder: Path, suffix: str) -> bytes:
    ended = eyespot(*arguments(f"whole{suffix}"), cwd=folder)
    if ended.status != SOME_FAILED:
        raise RuntimeError(f"the uninterrupted run ended with {ended.status}: {ended.errors}")
    return (folder / f"whole{suffix}").read_bytes()


def go(
    folder: Path, suffix: str, aimed: bool, seconds: float, chance: random.Random, kills: "Counter[str]"
) -> list[str]:
    """Kill and resume until it is done; return what was not as it must be."""
    output = folder / f"r{suffix}"
    output.unlink(missing_ok=True)
    for attempt in range(KILLS_A_LOOP + 1):
        with started(*arguments(output.name), cwd=folder) as process:
            if attempt < KILLS_A_LOOP:
                wait(process, output, aimed, seconds, chance)
                when = stage(output)
                process.kill()
            errors = process.communicate()[1]
        if process.returncode != -signal.SIGKILL:
            good = process.returncode == SOME_FAILED and not errors
            return [] if good else [f"ended with {process.returncode}: {errors!r}"]
        kills[when] += 1
        if stage(output) == "it left":
            return []  # all was done but to end: --resume would say that the output is there
    return ["it was killed after its last kill"]


def wait(process: "subprocess.Popen[bytes]", output: Path, aimed: bool, seconds: float, chance: random.Random) -> None:
    """Return at a random moment of the run, or of its end where that is aimed at."""
    pause = threading.Event()
    if not aimed:
        pause.wait(chance.uniform(0, seconds))
        return
    while process.poll() is None and stage(output) != "it completed":
        pause.wait(0.001)
    pause.wait(chance.uniform(0, LAST_MOMENTS_S))


def stage(output: Path) -> str:
    """Return what the run is at, by the files it has."""
    partial, order = (output.with_name(output.name + ending) for ending in (".partial", ".run"))
    if order.exists():
        return "it computed"
    if output.exists():
        return "it left"
    return "it completed" if partial.exists() and partial.stat().st_size else "it started"


def left_over(folder: Path, suffix: str) -> list[str]:
    """Return, and remove, what a run left beside its output."""
    found = [path for path in folder.iterdir() if "partial" in path.name or path.name.endswith(".run")]
    for path in found:
        path.unlink()
    return [f"{suffix}: it left {path.name} behind" for path in found]
