"""What is opened and what is not; nothing stays open."""

import os
from pathlib import Path

import pytest

from edge.errors import ImageError
from edge.image_file import opened_image


def opening(path: Path | str) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught, opened_image(path):
        pass
    return caught.value.code, str(caught.value)


def test_a_file_is_there_to_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with opened_image(tmp_path / "a") as stream:
        assert stream.read() == b"content"
    assert stream.closed


def test_what_is_no_file_is_an_error_and_stays_not_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    before = os.listdir("/proc/self/fd")
    assert opening(tmp_path) == ("unreadable", "the file cannot be read (Is a directory)")
    assert opening(tmp_path / "pipe") == ("unreadable", "this is not a regular file")
    assert opening(tmp_path / "loop") == (
        "unreadable",
        "the file cannot be read (Too many levels of symbolic links)",
    )
    assert opening(tmp_path / "none") == ("not_found", "there is no such file")
    assert opening("a\0b") == ("not_found", "no file can have this name (embedded null byte)")
    assert os.listdir("/proc/self/fd") == before


def test_what_goes_wrong_while_it_is_read_is_the_image_s(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with (
        pytest.raises(ImageError, match=r"^the file cannot be read \(Input/output error\)$"),
        opened_image(tmp_path / "a"),
    ):
        raise OSError(5, "Input/output error")
    with pytest.raises(ImageError, match=r"^not this one$") as caught, opened_image(tmp_path / "a"):
        raise ImageError("corrupt", "not this one")
    assert caught.value.code == "corrupt"
