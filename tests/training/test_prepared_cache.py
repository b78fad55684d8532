"""The cache of prepared arrays: right, reused, keyed by content and preprocessing, and flat in memory."""

import os
import subprocess
import sys
import time
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError, ImageError
from edge.steps import Grey, Resize, Scale
from training.dataset import Dataset
from training.prepare import describe_bad, leave_out_bad, prepare

ROOT = Path(__file__).parents[2]
STEPS = (Resize(8, 8, "antialias"), Grey(), Scale(1 / 255))
LARGE = (Resize(24, 24, "antialias"), Grey(), Scale(1 / 255))


def pictures(count: int, bad: Container[int] = ()) -> Dataset:
    def read(i: int) -> bytes:
        if i in bad:
            return b"no picture"
        level = np.full((12, 10), (i * 37) % 256, np.uint8)
        return bytes(cv2.imencode(".png", level)[1])

    return Dataset("made", ("a", "b"), tuple(f"{i}.png" for i in range(count)), np.arange(count) % 2, read)


def nothing(_: int) -> None:
    return None


def test_rows_are_the_pictures_in_order(tmp_path: Path) -> None:
    prepared = prepare(pictures(200), STEPS, tmp_path, nothing)
    expected = (np.arange(200) * 37 % 256).astype(np.float32) * np.float32(1 / 255)
    assert prepared.arrays.shape == (200, 8, 8, 1)
    assert np.array_equal(prepared.arrays[:, 3, 3, 0], expected)
    assert isinstance(prepared.arrays, np.memmap)


def test_the_same_content_and_steps_are_computed_once(tmp_path: Path) -> None:
    done: list[int] = []
    prepare(pictures(30), STEPS, tmp_path, done.append)
    assert sum(done) == 30
    prepare(pictures(30), STEPS, tmp_path, done.append)
    assert sum(done) == 30
    prepare(pictures(30), (Resize(4, 4, "antialias"),), tmp_path, done.append)
    assert sum(done) == 60
    prepare(pictures(31), STEPS, tmp_path, done.append)
    assert sum(done) == 91
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_read_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    dataset = pictures(12, bad=(3, 7))
    prepared = prepare(dataset, STEPS, tmp_path, nothing)
    assert prepared.bad == {3: "not_an_image", 7: "not_an_image"}
    assert describe_bad(dataset, prepared.bad) == (
        "made: 2 unreadable images: 3.png (not_an_image), 7.png (not_an_image)"
    )
    kept, rest = leave_out_bad(dataset, prepared)
    assert "3.png" not in kept.names
    assert len(kept.names) == len(rest.arrays) == len(rest.hashes) == 10
    assert kept.read(3) == dataset.read(4)
    assert isinstance(rest.arrays, np.memmap)  # not a copy in memory
    good = [row for row in range(12) if row not in (3, 7)]
    expected = (np.array(good) * 37 % 256).astype(np.float32) * np.float32(1 / 255)
    assert np.array_equal(rest.arrays[:, 3, 3, 0], expected)


def test_a_data_set_of_nothing_but_damage_has_no_rows(tmp_path: Path) -> None:
    prepared = prepare(pictures(4, bad=(0, 1, 2, 3)), STEPS, tmp_path, nothing)
    assert (prepared.arrays.shape, len(prepared.bad)) == ((0, 8, 8, 1), 4)


@pytest.mark.parametrize("name", ["arrays.npy", "measures.npy", "bad.json"])
@pytest.mark.parametrize("kept", [None, 0, 1, -1])
def test_an_entry_that_a_power_cut_has_damaged_is_built_anew(tmp_path: Path, name: str, kept: int | None) -> None:
    whole = prepare(pictures(30, bad=(4,)), STEPS, tmp_path, nothing)
    expected, bad = np.array(whole.arrays), whole.bad
    (entry,) = tmp_path.iterdir()
    content = (entry / name).read_bytes()
    (entry / name).unlink()
    if kept is not None:
        (entry / name).write_bytes(content[:kept])
    done: list[int] = []
    prepared = prepare(pictures(30, bad=(4,)), STEPS, tmp_path, done.append)
    assert sum(done) == 30
    assert np.array_equal(prepared.arrays, expected)
    assert prepared.bad == bad
    assert list(tmp_path.iterdir()) == [entry]
    prepare(pictures(30, bad=(4,)), STEPS, tmp_path, done.append)
    assert sum(done) == 30


def test_two_that_prepare_the_same_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Both with the same process number, as the first process of a container has it."""
    done: list[int] = []
    inner: list[np.ndarray] = []

    def overtake(_: int) -> None:
        if not inner:
            inner.append(prepare(pictures(30), STEPS, tmp_path, done.append).arrays)

    outer = prepare(pictures(30), STEPS, tmp_path, overtake).arrays
    assert sum(done) == 30
    assert outer.shape == (30, 8, 8, 1)
    assert np.array_equal(inner[0], outer)
    (entry,) = tmp_path.iterdir()
    assert {path.name for path in entry.iterdir()} == {"arrays.npy", "measures.npy", "bad.json"}


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young, foreign = (tmp_path / f".{name}" for name in ("a.0123abcd.partial", "b.4567cdef.partial", "c.partial"))
    long_ago = time.time() - 2 * 24 * 3600
    for folder in (old, young, foreign):
        folder.mkdir()
        (folder / "arrays.npy").write_bytes(b"half")
        os.utime(folder, (long_ago, long_ago))
    for folder in (old, foreign):
        os.utime(folder / "arrays.npy", (long_ago, long_ago))
    prepare(pictures(3), STEPS, tmp_path, nothing)
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)


def test_an_error_that_passes_is_not_kept(tmp_path: Path) -> None:
    made = pictures(6)
    asked: list[int] = []

    def read(i: int) -> bytes:
        asked.append(i)
        if asked.count(i) == 2 and i == 3:
            raise ImageError("unreadable", "the file cannot be read (Too many open files)")
        return made.read(i)

    with pytest.raises(DatasetError, match=r"3\.png: it could be read and now cannot: .*Too many open files"):
        prepare(replace(made, read=read), STEPS, tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []
    assert prepare(replace(made, read=read), STEPS, tmp_path, nothing).bad == {}


def test_without_jobs_there_are_as_many_as_usable_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may have fewer than the machine."""
    monkeypatch.setattr("training.prepare.usable_cores", lambda: 3)
    made, together = pictures(12), Barrier(3)

    def read(i: int) -> bytes:
        together.wait(timeout=30)
        return made.read(i)

    assert prepare(replace(made, read=read), STEPS, tmp_path, nothing).bad == {}


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_images_are_worked_on_at_once_as_jobs_say(tmp_path: Path, jobs: int) -> None:
    made = pictures(12)
    together = Barrier(jobs)
    at_work: list[int] = []
    most = 0

    def read(i: int) -> bytes:
        nonlocal most
        at_work.append(i)
        most = max(most, len(at_work))
        together.wait(timeout=30)  # passes when `jobs` images are being read, and breaks if there never are so many
        at_work.remove(i)
        return made.read(i)

    prepared = prepare(replace(made, read=read), STEPS, tmp_path, nothing, jobs)
    assert prepared.bad == {}
    assert most == jobs


MEMORY = """
import sys, threading
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.training.test_prepared_cache import LARGE, nothing, pictures
from training.prepare import leave_out_bad, prepare

def anonymous_kib():
    return int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1])

prepare(pictures(200), LARGE, Path(sys.argv[1]), nothing)
peak = before = anonymous_kib()
def watch(_):
    global peak
    peak = max(peak, anonymous_kib())
count = int(sys.argv[2])
dataset = pictures(count, bad=range(0, count, 100))
prepared = prepare(dataset, LARGE, Path(sys.argv[1]), watch)
kept, rest = leave_out_bad(dataset, prepared)
assert len(kept.names) == len(rest.arrays) == count - len(prepared.bad)
watch(0)
print(peak - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data_set_even_where_some_are_bad(tmp_path: Path) -> None:
    def growth_kib(count: int) -> int:
        command = [sys.executable, "-c", MEMORY.format(root=str(ROOT)), str(tmp_path / str(count)), str(count)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    # The array of 20,000 pictures is 46 MB; their names and hashes are 3, and those that are left 2 more.
    assert growth_kib(20_000) - growth_kib(2_000) < 8 * 1024
