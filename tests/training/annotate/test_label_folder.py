"""The labelled pictures: names, what is hidden until it is whole, and what is left where something fails."""

import os
from pathlib import Path

import pytest

from training.annotate.label_folder import LabelFolder


def put(folder: LabelFolder, label: str, content: bytes = b"x", suffix: str = ".png") -> str:
    file = folder.take_name(label, suffix)
    folder.publish(folder.stage(file, content), file)
    return file


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def test_names_count_for_each_label_and_are_never_given_twice(tmp_path: Path) -> None:
    folder = LabelFolder(tmp_path)
    assert [put(folder, label) for label in "7717"] == ["7/000001.png", "7/000002.png", "1/000001.png", "7/000003.png"]
    folder.remove("7/000003.png")
    assert put(folder, "7") == "7/000004.png"


def test_what_was_there_before_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "000041.jpg").write_bytes(b"mine")
    (tmp_path / "cat" / "holiday.jpg").write_bytes(b"mine")
    folder = LabelFolder(tmp_path)
    assert put(folder, "cat", suffix=".jpg") == "cat/000042.jpg"
    folder.keep_from(["dog/000007.png"])
    assert put(folder, "dog") == "dog/000008.png"
    assert folder.labels() == ["cat", "dog"]


def test_a_class_is_looked_through_once_and_what_comes_into_it_later_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = LabelFolder(tmp_path)
    put(folder, "7")
    (tmp_path / "7" / "000002.png").write_bytes(b"of somebody else")
    looked = []
    listdir, scandir = os.listdir, os.scandir
    monkeypatch.setattr(os, "listdir", lambda path: looked.append(path) or listdir(path))
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(path) or scandir(path))
    assert [put(folder, "7") for _ in range(3)] == ["7/000003.png", "7/000004.png", "7/000005.png"]
    assert looked == []
    assert (tmp_path / "7" / "000002.png").read_bytes() == b"of somebody else"


def test_what_is_staged_is_hidden_until_it_is_published(tmp_path: Path) -> None:
    folder = LabelFolder(tmp_path)
    staged = folder.stage("7/000001.png", b"glyph")
    assert not (tmp_path / "7/000001.png").exists()
    assert staged.name.startswith(".")
    folder.publish(staged, "7/000001.png")
    assert files(tmp_path) == {"7", "7/000001.png"}
    assert (tmp_path / "7/000001.png").read_bytes() == b"glyph"


def test_nothing_is_left_of_what_was_discarded_or_of_a_process_that_was_killed(tmp_path: Path) -> None:
    folder = LabelFolder(tmp_path)
    folder.discard(folder.stage("7/000001.png", b"glyph"))
    assert files(tmp_path) == set()
    folder.stage("7/000001.png", b"glyph")
    folder.stage("8/000001.png", b"glyph")
    put(folder, "8")
    LabelFolder(tmp_path).sweep()
    assert files(tmp_path) == {"8", "8/000001.png"}


def test_the_last_picture_takes_its_class_along(tmp_path: Path) -> None:
    folder = LabelFolder(tmp_path)
    first, second = put(folder, "7"), put(folder, "7")
    folder.remove(first)
    assert files(tmp_path) == {"7", second}
    folder.remove(second)
    assert files(tmp_path) == set()
    folder.remove(second)


def test_a_disk_that_refuses_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match=r"File exists: '.*7/000001\.png'"):
        LabelFolder(tmp_path).stage("7/000001.png", b"glyph")
    assert files(tmp_path) == {"7"}
