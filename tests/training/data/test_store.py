"""The cache on disk: what is kept, what leaves it first, and what a kill, a full disk and damage do to it."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import UsageError
from tests.full_disk import full_behind
from training.data.store import Store, cache_folder, limit_bytes

ENTRY_BYTES = 1000


def entry(i: int) -> tuple[bytes, bytes, str]:
    return f"key {i}".encode(), bytes([i % 256]) * ENTRY_BYTES, f"note {i}"


def kept(folder: Path, count: int) -> list[int]:
    """The numbers of the entries that are there; each of them whole."""
    with Store(folder) as store:
        found = list(store.read([entry(i)[0] for i in range(count)]))
    assert all(data in (None, entry(i)[1]) for i, data in enumerate(found))
    return [i for i, data in enumerate(found) if data is not None]


def test_what_was_written_is_there_for_the_next(tmp_path: Path) -> None:
    with Store(tmp_path / "new" / "cache") as store:
        store.write([entry(i) for i in range(3)])
        assert list(store.read([b"key 2", b"nothing"])) == [entry(2)[1], None]
    with Store(tmp_path / "new" / "cache") as store:
        assert (store.note(b"key 0"), store.note(b"nothing")) == ("note 0", None)
        store.write([(b"key 0", b"another", "another")])
        assert (store.note(b"key 0"), list(store.read([b"key 0"]))) == ("another", [b"another"])


def test_the_least_recently_used_leave_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    monkeypatch.setenv("EYESPOT_CACHE_GB", str(10 * ENTRY_BYTES / 1e9))
    with Store(tmp_path) as store:
        for i in range(10):
            clock[0] += 1000
            store.write([entry(i)])
        clock[0] += 1000
        store.touch([b"key 0", b"key 1"])
        clock[0] += 1000
        store.write([entry(10)])
    monkeypatch.delenv("EYESPOT_CACHE_GB")
    found = kept(tmp_path, 11)
    assert found == sorted({0, 1, *range(11 - len(found) + 2, 11)})
    assert 8 <= len(found) <= 10


def test_the_limit_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_CACHE_GB", "0.5")
    assert limit_bytes() == 500_000_000
    for wrong in ("none", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("EYESPOT_CACHE_GB", wrong)
        with pytest.raises(UsageError):
            limit_bytes()


WRITER = """
import sys
from pathlib import Path
from training.data.store import Store
first, last = map(int, sys.argv[2:])
with Store(Path(sys.argv[1])) as store:
    for i in range(first, last):
        store.write([(f"key {i}".encode(), bytes([i % 256]) * 1000, "")])
        print(i, flush=True)
"""


def writer(folder: Path, first: int, last: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    both = [writer(tmp_path, 0, 60), writer(tmp_path, 50, 120)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert kept(tmp_path, 121) == list(range(120))


def test_a_kill_leaves_it_whole(tmp_path: Path) -> None:
    with writer(tmp_path, 0, 100_000) as process:
        assert process.stdout
        for line in process.stdout:
            if int(line) >= 20:
                process.kill()
                break
    found = kept(tmp_path, 100)
    assert found == list(range(len(found)))
    assert len(found) > 20


def test_a_file_that_is_no_database_is_replaced_and_damage_inside_is_an_error_of_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "training.sqlite"
    path.write_bytes(b"words" * 1000)
    with Store(tmp_path) as store:
        store.write([entry(i) for i in range(300)])
    assert kept(tmp_path, 300) == list(range(300))
    content = path.read_bytes()
    path.write_bytes(content[:16_384] + b"\xa5" * (len(content) - 16_384))
    with pytest.raises(OSError, match=str(tmp_path)), Store(tmp_path) as store:
        list(store.read([b"key 0"]))


def test_a_full_disk_is_an_error_of_the_disk_and_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write([entry(0)])
    size = (tmp_path / "training.sqlite").stat().st_size
    with full_behind(size), pytest.raises(OSError, match=str(tmp_path)), Store(tmp_path) as store:
        store.write([entry(i) for i in range(1, 100)])
    assert kept(tmp_path, 100) == [0]


def test_it_is_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYESPOT_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/c")
    assert cache_folder() == Path("/a")
    monkeypatch.delenv("EYESPOT_CACHE")
    assert cache_folder() == Path("/b/eyespot")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/c/.cache/eyespot")
