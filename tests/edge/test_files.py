"""A name holds all of a file or what it held before; lines are appended whole; the cache is where the variables say."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.errors import OutputError
from edge.files import (
    AppendOnlyFile,
    remove_abandoned,
    replacing,
)
from tests.full_disk import full_behind

OLD, NEW = b"what was here before", b"what was written" * 1000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "m.onnx"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def names_beside(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


def test_what_was_written_gets_the_name(target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(NEW)
        assert target.read_bytes() == OLD
    assert target.read_bytes() == NEW
    assert names_beside(target) == ["m.onnx"]


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(NEW[:100])
        raise error


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_all_as_it_was(target: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write_half(target, error())
    assert target.read_bytes() == OLD
    assert names_beside(target) == ["m.onnx"]


def test_the_content_is_on_the_disk_before_the_name_changes(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def fsync(descriptor: int) -> None:
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "content")

    def replace(self: Path, other: Path) -> None:
        events.append("name")
        os.replace(self, other)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    with replacing(target) as temporary:
        temporary.write_bytes(NEW)
    assert events == ["content", "name", "folder"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = ["[r].csv", ".[r].csv", ".[r].0123456.partial.csv", ".[r].01234567.partial.jsonl", ".r.01234567.partial.csv"]
    for name in (*kept, ".[r].01234567.partial.csv", ".[r].89abcdef.partial.csv"):
        (tmp_path / name).touch()
    remove_abandoned(tmp_path / "[r].csv")
    assert names_beside(tmp_path / "[r].csv") == sorted(kept)


def written(path: Path, *lines: bytes) -> Path:
    with closing(AppendOnlyFile(path, "not now")) as file:
        file.keep(file.size)
        for line in lines:
            file.append(line, flush=False)
    return path


def test_a_second_one_is_refused_in_our_words_until_the_first_closes(tmp_path: Path) -> None:
    path = written(tmp_path / "rows", b"row\n")
    script = "import sys; from edge.files import *; AppendOnlyFile(Path(sys.argv[1]), 'not now')"
    with closing(AppendOnlyFile(path, "not now")):
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
        assert done.stderr.splitlines()[-1] == "edge.errors.OutputError: not now"
        with pytest.raises(OutputError, match=r"^not now$"):
            AppendOnlyFile(path, "not now")
    with closing(AppendOnlyFile(path, "not now")) as file:
        assert (file.read(), file.size) == (b"row\n", 4)


def test_what_is_not_kept_is_cut_off_and_the_next_line_follows(tmp_path: Path) -> None:
    path = written(tmp_path / "rows", b"one\n", b"two\n", b"thr")
    with closing(AppendOnlyFile(path, "not now")) as file:
        file.keep(8)
        file.append(b"three\n", flush=True)
        assert file.end == 14
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_what_is_not_its_own_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with closing(AppendOnlyFile(folder / "rows", "not now")) as file:
        (folder / "notes").write_text("mine")
        (folder / "rows").unlink()
        (folder / "rows").write_text("of somebody else")
        file.discard()
        assert {path.name for path in folder.iterdir()} == {"notes", "rows"}
    with closing(AppendOnlyFile(folder / "rows", "not now")) as file:
        file.discard()
    assert [path.name for path in folder.iterdir()] == ["notes"]


@pytest.mark.parametrize("room", [0, 1, 5])
def test_a_full_disk_takes_no_part_of_a_line_and_the_next_one_is_whole(room: int, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with closing(AppendOnlyFile(path, "not now")) as file:
        file.append(b"one\n", flush=False)
        with full_behind(4 + room), pytest.raises(OSError, match=r"File too large: '.*rows'"):
            file.append(b"second\n", flush=False)
        assert path.read_bytes() == b"one\n"
        file.append(b"third\n", flush=False)
    assert path.read_bytes() == b"one\nthird\n"
