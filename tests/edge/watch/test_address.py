"""What a word names, and what a log may show of it."""

from pathlib import Path

import pytest

from edge.errors import SourceError, UsageError
from edge.watch.address import Address, parse_address, without_password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Address("camera", "/dev/video0", "camera 0")),
        ("12", Address("camera", "/dev/video12", "camera 12")),
        ("/dev/null", Address("camera", "/dev/null", "camera /dev/null")),
        ("rtsp://cam/1", Address("stream", "rtsp://cam/1", "rtsp://cam/1")),
        ("HTTP://u:p@cam/1", Address("stream", "HTTP://u:p@cam/1", "HTTP://u:***@cam/1")),
    ],
)
def test_a_word_names_a_camera_or_a_stream(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


def test_a_path_names_a_video_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.mp4").write_bytes(b"")
    assert parse_address("v.mp4") == Address("video", str(tmp_path / "v.mp4"), "v.mp4")
    assert parse_address(".") == Address("folder", ".", ".")


@pytest.mark.parametrize("text", ["none.mp4", "", "a\0b"])
def test_a_path_that_leads_nowhere_is_one_line(text: str) -> None:
    with pytest.raises(SourceError, match="no camera number, URL, video or folder has this name") as caught:
        parse_address(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["ftp://cam/1", "file:///v.mp4", "concat://a|b"])
def test_a_scheme_that_is_no_stream_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a stream must be one of rtsp, .* Received: "):
        parse_address(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam:554/1", "rtsp://cam:554/1"),
        ("rtsp://me@cam/1", "rtsp://me@cam/1"),
        ("rtsp://me:s3cret@cam/1", "rtsp://me:***@cam/1"),
        ("rtsp://me:a:b@cam/1", "rtsp://me:***@cam/1"),
        ("rtsp://[bad/1", "rtsp://..."),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
