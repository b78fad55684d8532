"""A file that only grows: one process at a time, all of what is appended or nothing, also on a full disk."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.append_only_file import AppendOnlyFile
from edge.errors import OutputError
from tests.full_disk import full_behind


def written(path: Path, *lines: bytes) -> Path:
    with closing(AppendOnlyFile(path, "not now")) as file:
        file.keep(file.size)
        for line in lines:
            file.append(line, flush=False)
    return path


def test_a_second_one_is_refused_in_our_words_until_the_first_closes(tmp_path: Path) -> None:
    path = written(tmp_path / "rows", b"row\n")
    script = "import sys; from edge.append_only_file import *; AppendOnlyFile(Path(sys.argv[1]), 'not now')"
    with closing(AppendOnlyFile(path, "not now")):
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
        assert done.stderr.splitlines()[-1] == "edge.errors.OutputError: not now"
        with pytest.raises(OutputError, match=r"^not now$"):
            AppendOnlyFile(path, "not now")
    with closing(AppendOnlyFile(path, "not now")) as file:
        assert (file.read(), file.size) == (b"row\n", 4)


def test_a_name_that_has_moved_on_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with closing(AppendOnlyFile(path, "not now")) as file:
        assert file.has_its_name
        path.rename(tmp_path / "other")
        assert not file.has_its_name
        with closing(AppendOnlyFile(path, "not now")) as second:
            assert second.has_its_name
            assert not file.has_its_name


def test_what_is_not_kept_is_cut_off_and_the_next_line_follows(tmp_path: Path) -> None:
    path = written(tmp_path / "rows", b"one\n", b"two\n", b"thr")
    with closing(AppendOnlyFile(path, "not now")) as file:
        file.keep(8)
        file.append(b"three\n", flush=True)
        assert file.end == 14
    assert path.read_bytes() == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("torn", [b"", b"th", b"th\rree"])
def test_lines_that_have_their_end_are_told_from_one_that_was_cut_off(torn: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "rows", b"one\n", b"t\rwo\n", torn)
    with closing(AppendOnlyFile(path, "not now")) as file:
        assert file.read_lines() == ([b"one\n", b"t\rwo\n"], torn)


def test_of_what_nothing_came_nothing_is_left(tmp_path: Path) -> None:
    with closing(AppendOnlyFile(tmp_path / "new" / "rows", "not now")) as file:
        file.discard()
        assert list(tmp_path.iterdir()) == []
        file.discard()
    with closing(AppendOnlyFile(tmp_path / "rows", "not now")) as file:
        file.discard()
    assert tmp_path.is_dir()  # it was there before


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
