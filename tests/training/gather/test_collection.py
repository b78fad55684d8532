"""The folder after kills at every moment, full disks and foreign files."""

import errno
import json
import os
from pathlib import Path

import pytest

from edge.errors import OutputError, UsageError
from edge.files import AppendOnlyFile
from tests.training.gather.bad_server import picture
from training.gather.collection import MANIFEST, Collection

URL = "http://127.0.0.1/picture"


def add(folder: Path, *numbers: int) -> list[bool]:
    with Collection(folder, URL) as collection:
        return [collection.add(picture(number).content, URL) for number in numbers]


def files(folder: Path) -> list[str]:
    return [json.loads(line)["file"] for line in (folder / MANIFEST).read_text().splitlines()]


def test_known_content_is_not_kept_again_not_even_by_the_next_process(tmp_path: Path) -> None:
    assert add(tmp_path / "new", 1, 2, 1) == [True, True, False]
    assert add(tmp_path / "new", 2, 3) == [False, True]
    assert files(tmp_path / "new") == ["000001.png", "000002.png", "000003.png"]


def test_a_kill_between_picture_and_line_loses_nothing(tmp_path: Path) -> None:
    add(tmp_path, 1, 2)
    lines = (tmp_path / MANIFEST).read_bytes().splitlines(keepends=True)
    for left in (b"", lines[1][:1], lines[1][:-1]):  # before the line, at its begin, before its end
        (tmp_path / MANIFEST).write_bytes(lines[0] + left)
        (tmp_path / ".000003.0a1b2c3d.partial.png").write_bytes(b"half")
        assert add(tmp_path, 2) == [False]
        assert files(tmp_path) == ["000001.png", "000002.png"]
        assert len(list(tmp_path.iterdir())) == 3


def test_a_picture_that_the_user_removed_is_not_counted_and_not_fetched_again(tmp_path: Path) -> None:
    add(tmp_path, 1, 2)
    (tmp_path / "000002.png").unlink()
    with Collection(tmp_path, URL) as collection:
        assert len(collection) == 1
        assert not collection.add(picture(2).content, URL)
        assert collection.add(picture(3).content, URL)
    assert files(tmp_path)[-1] == "000003.png"


def test_where_nothing_came_nothing_is_left(tmp_path: Path) -> None:
    with Collection(tmp_path / "new", URL):
        assert (tmp_path / "new" / MANIFEST).exists()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with Collection(tmp_path / "mine", URL):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]  # which was there before
    add(tmp_path / "new", 1)
    add(tmp_path / "new")
    assert files(tmp_path / "new") == ["000001.png"]


def test_two_runs_never_write_one_folder(tmp_path: Path) -> None:
    with Collection(tmp_path, URL), pytest.raises(OutputError, match="another run is writing it"):
        Collection(tmp_path, URL)


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"has no manifest\.jsonl"):
        Collection(tmp_path, URL)
    with pytest.raises(UsageError, match="is no folder"):
        Collection(tmp_path / "notes.txt", URL)
    add(tmp_path / "new", 1)
    with pytest.raises(UsageError, match=f"holds pictures of {URL}"):
        Collection(tmp_path / "new", "http://other/")
    with (tmp_path / "new" / MANIFEST).open("a") as lines:
        lines.write('{"file": "../x"}\n')
    before = (tmp_path / "new" / MANIFEST).read_bytes()
    with pytest.raises(OutputError, match=r"line 2 is damaged .*mend it, or choose another --output"):
        Collection(tmp_path / "new", URL)
    assert (tmp_path / "new" / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("content", [b'{"images": []}', b"notes\n", b"notes", b"[" * 100_000 + b"\n"])
def test_a_manifest_of_something_else_is_refused_and_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(OutputError, match=r"manifest\.jsonl: (it is no manifest|line 1 is damaged)"):
        Collection(tmp_path, URL)
    assert (tmp_path / MANIFEST).read_bytes() == content


@pytest.mark.parametrize(("owner", "call"), [(os, "fsync"), (AppendOnlyFile, "flush")])
def test_a_full_disk_is_one_line_and_the_folder_stays_valid(
    owner: object, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Collection(tmp_path, URL) as collection:
        collection.add(picture(1).content, URL)
        with monkeypatch.context() as patched:
            patched.setattr(owner, call, full)
            with pytest.raises(OutputError, match="No space left on device; 1 pictures are safe, make room"):
                collection.add(picture(2).content, URL)
    assert files(tmp_path) == ["000001.png"]
    add(tmp_path, 3)
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, *files(tmp_path)}
