"""Disks that run full in the middle: one clear line, what was written stays whole, and with room it goes on."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from tests.soak import kill_batch
from tests.soak.commands import eyespot
from tests.soak.outcome import Effort, Outcome
from tests.soak.small_disk import SmallDisk, small_disk

KB, MB = 1 << 10, 1 << 20
SUFFIXES = (".jsonl", ".csv", ".parquet")
# How many epochs are kept where. Of this training the state has 15 MB and the best network at most as much, and
# the next ones are written beside them.
EPOCHS_KEPT = {16 * KB: 0, 8 * MB: 0, 33 * MB: 1}
SOME_FAILED = 1

Found = tuple[str, str | None]


def run(_: Effort) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kill_batch.arrange(folder)
        found = [*batches(folder), *trainings(folder), *exports(folder)]
    for case, problem in found:
        print(f"{case}: {problem or 'one line, and whole once there was room'}", flush=True)
    return Outcome(len(found), [f"{case}: {problem}" for case, problem in found if problem])


def full(disk: SmallDisk, *arguments: str, cwd: Path) -> str | None:
    """Run what cannot end there; return what is wrong with how it says so."""
    ended = disk.eyespot(*arguments, cwd=cwd)
    if problem := ended.refused():
        return problem
    said = ended.errors.splitlines()
    if "No space left on device" not in said[-1] and "File too large" not in said[-1]:
        return f"it says something else: {said[-1]}"
    if "--quiet" in arguments and len(said) > 1:
        return f"more than one line: {said}"
    left = [path for path in disk.folder.rglob("*") if path.name.startswith(".") and "partial" in path.name]
    return f"it left {left}" if left else None


def batches(folder: Path) -> Iterator[Found]:
    """Disks that are full from the start, in the middle of the rows, and where the output or the page does not fit."""
    wholes = {suffix: kill_batch.whole(folder, suffix) for suffix in SUFFIXES}
    rows = wholes[".jsonl"]
    for suffix in SUFFIXES:
        for size in (4 * KB, 64 * KB, len(rows) * 9 // 10):
            with small_disk(size) as disk:
                output = disk.folder / f"r{suffix}"
                yield f"batch to {suffix} in {size >> 10} KB", batch(disk, folder, output, wholes[suffix], rows)
    with small_disk(4 * KB) as disk:
        page = str(disk.folder / "page.html")
        problem = batch(disk, folder, folder / "reported.jsonl", rows, rows, "--report", page)
        yield "batch --report in 4 KB", problem


def batch(disk: SmallDisk, source: Path, output: Path, whole: bytes, journal: bytes, *options: str) -> str | None:
    """Run where it cannot end; compare the rows with those of a whole run, then let it end."""
    arguments = ["batch", "model.onnx", "list.txt", "--output", str(output), "--resume", *options]
    if problem := full(disk, *arguments, "--quiet", cwd=source):
        return problem
    if output.exists() or any(Path(option).exists() for option in options):
        return "there is an output"
    rows = kill_batch.rows_left(output)
    if not journal.startswith(rows) or not (rows.endswith(b"\n") or not rows):
        return "the rows so far are not those of a whole run"
    disk.make_room()
    ended = disk.eyespot(*arguments, "--summary", cwd=source)
    if ended.status != SOME_FAILED:
        return f"with room, status {ended.status}: {ended.errors}"
    if problems := kill_batch.starts_over(output, rows, ended.output.encode()):
        return f"with room, {problems[0]}"
    return None if output.read_bytes() == whole else "with room, another output"


def trainings(folder: Path) -> Iterator[Found]:
    chance, targets = np.random.default_rng(3), np.arange(40) % 2
    pixels = chance.normal(60 + 120 * targets[:, None, None], 30, (40, 12, 12))
    np.savez(folder / "data.npz", x=np.clip(pixels, 0, 255).astype(np.uint8), y=targets)
    for size, kept in EPOCHS_KEPT.items():
        with small_disk(size) as disk:
            if disk.is_mounted or not kept:  # else each file may have so much, and all are written
                yield f"train in {size >> 10} KB", train(disk, folder, kept)


def train(disk: SmallDisk, source: Path, kept: int) -> str | None:
    """Train where a run does not fit; with room it goes on behind the epochs that were kept."""
    output = disk.folder / "run"
    arguments = ["train", "lenet", "--dataset", "data.npz", "--epochs", "2", "--output", str(output)]
    if problem := full(disk, *arguments, cwd=source):
        return problem
    if (found := epochs_in(output / "state.npz")) != kept:
        return f"{found} epochs were kept in place of {kept}"
    disk.make_room()
    ended = disk.eyespot(*arguments, *(["--resume"] if kept else []), cwd=source)
    trained = re.findall(r"^epoch (\d)/2: ", ended.errors, re.MULTILINE)
    if ended.status or trained != [str(epoch) for epoch in range(kept + 1, 3)]:
        return f"with room, after {kept} epochs it trained {trained}: {ended.errors.splitlines()[-1:]}"
    return None


def epochs_in(state: Path) -> int:
    """Return how many epochs a run has behind it. Raises where its state is not whole."""
    if not state.exists():
        return 0
    with np.load(state) as kept:
        return len(json.loads(str(dict(kept)["state"]))[1]["epochs"])  # plan and history


def exports(folder: Path) -> Iterator[Found]:
    arguments = ["train", "lenet", "--dataset", "data.npz", "--epochs", "1", "--output", "whole-run"]
    if (ended := eyespot(*arguments, cwd=folder)).status:
        raise RuntimeError(f"the training ended with {ended.status}: {ended.errors}")
    for size in (16 * KB, 400 * KB):
        with small_disk(size) as disk:
            output = disk.folder / "model.onnx"
            export = ["export", "whole-run", "--output", str(output)]
            problem = full(disk, *export, cwd=folder)
            if left := [path.name for path in disk.folder.iterdir()]:
                problem = problem or f"it left {left}"
            disk.make_room()
            if (ended := disk.eyespot(*export, cwd=folder)).status:
                problem = problem or f"with room: {ended.errors.splitlines()[-1:]}"
            else:
                onnx.checker.check_model(onnx.load(output))
            yield f"export in {size >> 10} KB", problem
