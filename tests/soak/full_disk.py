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
from tests.soak.small_disk import SmallDisk, kind, small_disk

KB, MB = 1 << 10, 1 << 20
PAGE_BYTES = 4 * KB
SUFFIXES = (".jsonl", ".csv", ".parquet")
REPORT_SIZES = (4 * KB, 12 * KB)
# How many epochs are kept where. The state of this training has 15 MB, and the next one is written beside it.
EPOCHS_KEPT = {16 * KB: 0, 8 * MB: 0, 20 * MB: 1}
EXPORT_SIZES = (16 * KB, 400 * KB)
SOME_FAILED = 1


def run(effort: Effort) -> Outcome:
    print(f"small disks: {kind()}")
    found: list[tuple[str, str | None]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kill_batch.arrange(folder)
        found += batches(folder)
        found += trainings(folder)
        found += exports(folder)
    for case, problem in found:
        print(f"{case}: {problem or 'one line, and whole once there was room'}", flush=True)
    return Outcome(len(found), [f"{case}: {problem}" for case, problem in found if problem])


def batches(folder: Path) -> Iterator[tuple[str, str | None]]:
    wholes = {suffix: kill_batch.whole(folder, suffix) for suffix in SUFFIXES}
    print("whole outputs: " + ", ".join(f"{suffix} {len(whole):,} bytes" for suffix, whole in wholes.items()))
    for suffix in SUFFIXES:
        for size in batch_sizes(suffix, len(wholes[".jsonl"])):
            with small_disk(size) as disk:
                yield (
                    f"batch to {suffix} in {size >> 10} KB",
                    batch(disk, folder, wholes[suffix], wholes[".jsonl"], suffix),
                )
    for size in REPORT_SIZES:
        with small_disk(size) as disk:
            yield f"batch --report in {size >> 10} KB", report(disk, folder)


def batch_sizes(suffix: str, rows_bytes: int) -> Iterator[int]:
    """Yield sizes of disks that are full at once, in the middle of the rows, and with room for the rows alone."""
    yield from (PAGE_BYTES, 16 * PAGE_BYTES, rows_bytes * 9 // 10)
    with small_disk(PAGE_BYTES) as disk:
        if suffix != ".jsonl" and disk.is_mounted:
            yield (rows_bytes // PAGE_BYTES + 2) * PAGE_BYTES


def batch(disk: SmallDisk, source: Path, whole: bytes, journal: bytes, suffix: str) -> str | None:
    """Run where it cannot end; hold the rows against those of a whole run, then let it end."""
    output = disk.folder / f"r{suffix}"
    arguments = ["batch", "model.onnx", "list.txt", "--output", str(output), "--resume"]
    if problem := full(disk, *arguments, "--quiet", cwd=source):
        return problem
    if output.exists():
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


def report(disk: SmallDisk, source: Path) -> str | None:
    """The page does not fit, while its run has all the room it needs: the rows stay as they are until it does."""
    page, output, whole = disk.folder / "page.html", source / "reported.jsonl", (source / "whole.jsonl").read_bytes()
    output.unlink(missing_ok=True)
    arguments = ["batch", "model.onnx", "list.txt", "--output", str(output), "--report", str(page), "--resume"]
    problem = full(disk, *arguments, "--quiet", cwd=source)
    if problem or page.exists() or output.exists():
        return problem or "half a page, or an output without one"
    if output.with_name(output.name + ".partial").read_bytes() != whole:
        return "the rows suffered"
    disk.make_room()
    ended = disk.eyespot(*arguments, "--summary", cwd=source)
    if ended.status != SOME_FAILED or not page.exists():
        return f"with room, status {ended.status}: {ended.errors}"
    if problems := kill_batch.starts_over(output, whole, ended.output.encode()):
        return f"with room, {problems[0]}"
    return None if output.read_bytes() == whole else "with room, another output"


def trainings(folder: Path) -> Iterator[tuple[str, str | None]]:
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
    if ended.status:
        return f"with room: {ended.errors.splitlines()[-1:]}"
    trained = re.findall(r"^epoch (\d)/2: ", ended.errors, re.MULTILINE)
    due = [str(epoch) for epoch in range(kept + 1, 3)]
    return None if trained == due else f"with room, after {kept} epochs it trained {trained}"


def epochs_in(state: Path) -> int:
    """Return how many epochs a run has behind it. Raises where its state is not whole."""
    if not state.exists():
        return 0
    with np.load(state) as kept:
        return len(json.loads(str(dict(kept)["state"]))["history"]["epochs"])


def exports(folder: Path) -> Iterator[tuple[str, str | None]]:
    arguments = ["train", "lenet", "--dataset", "data.npz", "--epochs", "1", "--output", "whole-run"]
    ended = eyespot(*arguments, cwd=folder)
    if ended.status:
        raise RuntimeError(f"the training ended with {ended.status}: {ended.errors}")
    for size in EXPORT_SIZES:
        with small_disk(size) as disk:
            yield f"export in {size >> 10} KB", export(disk, folder)


def export(disk: SmallDisk, source: Path) -> str | None:
    output = disk.folder / "model.onnx"
    if problem := full(disk, "export", "whole-run", "--output", str(output), cwd=source):
        return problem
    if left := [path.name for path in disk.folder.iterdir()]:
        return f"it left {left}"
    disk.make_room()
    ended = disk.eyespot("export", "whole-run", "--output", str(output), cwd=source)
    if ended.status:
        return f"with room: {ended.errors.splitlines()[-1:]}"
    onnx.checker.check_model(onnx.load(output))
    return None


def full(disk: SmallDisk, *arguments: str, cwd: Path) -> str | None:
    """Run what cannot end there; return what is wrong with how it says so."""
    ended = disk.eyespot(*arguments, cwd=cwd)
    if problem := ended.refused():
        return problem
    said = ended.errors.splitlines()[-1]
    if "No space left on device" not in said and "File too large" not in said:
        return f"it says something else: {said}"
    if "--quiet" in arguments and len(ended.errors.splitlines()) > 1:
        return f"more than one line: {ended.errors}"
    left = [path for path in disk.folder.rglob("*") if path.name.startswith(".") and "partial" in path.name]
    return f"it left {left}" if left else None
