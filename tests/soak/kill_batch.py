"""`eyespot batch` is killed with -9 at random moments and resumed until it is done: no byte may differ for it.

Of three loops two kill at any moment of the run, and one aims at its last moments, when the output is written from
the rows. Each run must go on with the rows that it finds: it says how many they are, or has not come to touch them.
"""

import random
import re
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
# On standard error when a run goes on, and in the summary at its end.
FOUND_ROWS = re.compile(rb"([\d,]+) rows are there|rows that were there +([\d,]+)")


def run(effort: Effort) -> Outcome:
    chance, kills, failures = effort.chance("kill-batch"), Counter[str](), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrange(folder)
        begun = time.monotonic()
        wholes = {suffix: whole(folder, suffix) for suffix in FORMATS}
        seconds = (time.monotonic() - begun) / len(FORMATS)
        for loop in range(effort.loops):
            suffix = FORMATS[loop % len(FORMATS)]
            aimed = (loop + loop // len(FORMATS)) % 3 == 2  # one of three, each format in its turn
            problems = kill_until_done(folder / f"r{suffix}", aimed, seconds, chance, kills)
            if (folder / f"r{suffix}").read_bytes() != wholes[suffix]:
                problems.append("the output differs from that of an uninterrupted run")
            for path in (path for path in folder.iterdir() if "partial" in path.name or path.suffix == ".run"):
                problems.append(f"it left {path.name} behind")
                path.unlink()
            failures += [f"loop {loop} ({suffix}): {problem}" for problem in problems]
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
    return ["batch", "model.onnx", "list.txt", "--output", output, "--resume", "--summary", "--threads", "2"]


def whole(folder: Path, suffix: str) -> bytes:
    ended = eyespot(*arguments(f"whole{suffix}"), cwd=folder)
    if ended.status != SOME_FAILED:
        raise RuntimeError(f"the uninterrupted run ended with {ended.status}: {ended.errors}")
    return (folder / f"whole{suffix}").read_bytes()


def kill_until_done(
    output: Path, aimed: bool, seconds: float, chance: random.Random, kills: "Counter[str]"
) -> list[str]:
    """Kill and resume until it is done; return what was not as it must be."""
    output.unlink(missing_ok=True)
    problems = []
    for attempt in range(KILLS_A_LOOP + 1):
        rows, is_whole = rows_left(output), stage(output) == "it completed"
        with started(*arguments(output.name), cwd=output.parent) as process:
            if attempt < KILLS_A_LOOP:
                wait(process, output, aimed, seconds, chance)
                when = stage(output)
                process.kill()
            said, errors = process.communicate()
        problems += [] if is_whole and stage(output) == "it left" else starts_over(output, rows, said + errors)
        if process.returncode != -signal.SIGKILL:
            good = process.returncode == SOME_FAILED and f"eyespot: {output.name}: {INPUTS:,} inputs" in errors.decode()
            return problems + ([] if good else [f"ended with {process.returncode}: {errors!r}"])
        kills[when] += 1
        if stage(output) == "it left":
            return problems  # all was done but to end: --resume would say that the output is there
    return [*problems, "it was killed after its last kill"]


def wait(process: "subprocess.Popen[bytes]", output: Path, aimed: bool, seconds: float, chance: random.Random) -> None:
    """Return at a random moment of the run, or of its end where that is aimed at."""
    pause = threading.Event()
    if aimed:
        while process.poll() is None and stage(output) != "it completed":
            pause.wait(0.001)
    pause.wait(chance.uniform(0, LAST_MOMENTS_S if aimed else seconds))


def rows_left(output: Path) -> bytes:
    """Return the journal, whose last row may be half a one."""
    partial = output.with_name(output.name + ".partial")
    return partial.read_bytes() if partial.exists() else b""


def starts_over(output: Path, rows: bytes, said: bytes) -> list[str]:
    """Return what is wrong with what a run, which may have been killed, made of the rows that it found."""
    count = rows.count(b"\n")
    if found := FOUND_ROWS.search(said):
        number = int((found[1] or found[2]).replace(b",", b""))
        return [] if number == count else [f"it went on with {number:,} rows of {count:,}"]
    # Killed before it said so: it has cut off half a row at most.
    untouched = rows_left(output) in (rows, rows[: rows.rfind(b"\n") + 1])
    return [] if untouched or not count else [f"it did not go on with the {count:,} rows that were there"]


def stage(output: Path) -> str:
    """Return what the run is at, by the files it has."""
    partial, config = (output.with_name(output.name + ending) for ending in (".partial", ".run"))
    if config.exists():
        return "it computed"
    if output.exists():
        return "it left"
    return "it completed" if partial.exists() and partial.stat().st_size else "it started"
