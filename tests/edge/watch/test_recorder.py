"""Recordings, read back with OpenCV: every frame, at the right time, at one size, playable however it ended."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.errors import OutputError, UsageError
from edge.watch.frame import Frame, arrived
from edge.watch.recorder import CODECS, Recorder
from tests.edge.watch.videos import grey, read_video

LOSS = 5
Write = Callable[[Recorder], None]


def at(seconds: float) -> Frame:
    frame = arrived(0, None)
    return Frame(0, None, 1000 + seconds, frame.timestamp)


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_each_frame_of_a_file_becomes_one(tmp_path: Path, suffix: str) -> None:
    levels = list(range(20, 220, 10))
    with Recorder(str(tmp_path / f"out{suffix}"), live=False) as recorder:
        for level in levels:
            recorder.write(at(0), grey(level), 12.5)
    frames = read_video(recorder.path)
    assert recorder.written == len(frames) == len(levels)
    assert np.abs([frame.mean() for frame in frames] - np.array(levels)).max() <= LOSS
    assert cv2.VideoCapture(str(recorder.path)).get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)


def test_a_live_source_is_recorded_as_fast_as_it_was(tmp_path: Path) -> None:
    """Frames at 0, 0.5 and 0.6 s, and many within 0.02 s, at 10 frames a second."""
    with Recorder(str(tmp_path / "out.avi"), live=True) as recorder:
        for seconds, level in ((0, 10), (0.501, 100), (0.601, 200), (0.605, 30), (0.61, 30)):
            recorder.write(at(seconds), grey(level), 10)
    found = [frame.mean() for frame in read_video(recorder.path)]
    assert np.abs(np.array(found) - [10, 100, 100, 100, 100, 100, 200]).max() <= LOSS


def test_the_time_without_a_source_is_left_out(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "out.avi"), live=True) as recorder:
        recorder.write(at(0), grey(10), 10)
        recorder.write(at(60), grey(100), 10)
    assert len(read_video(recorder.path)) == 11  # one second later in the file


def test_another_size_is_fitted_into_the_first_without_distortion(tmp_path: Path) -> None:
    square = grey(200, 100, 100)
    with Recorder(str(tmp_path / "out.avi"), live=False) as recorder:
        recorder.write(at(0), grey(100, 100, 200), 25)
        recorder.write(at(0), square, 25)
        recorder.write(at(0), grey(200, 50, 400), 25)
    _, upright, wide = read_video(recorder.path)
    assert upright.shape == wide.shape == (100, 200, 3)
    assert [upright[50, x, 0] > 128 for x in (10, 60, 140, 190)] == [False, True, True, False]
    assert [wide[y, 100, 0] > 128 for y in (10, 45, 55, 90)] == [False, True, True, False]


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (1, 1)], ids=str)
def test_odd_sizes_are_made_even(tmp_path: Path, size: tuple[int, int]) -> None:
    with Recorder(str(tmp_path / "out.mp4"), live=False) as recorder:
        recorder.write(at(0), grey(100, *size), 25)
        recorder.write(at(0), grey(100, *size), 25)
    frames = read_video(recorder.path)
    assert [frame.shape for frame in frames] == [(size[0] + size[0] % 2, size[1] + size[1] % 2, 3)] * 2


@pytest.mark.parametrize("fps", [0.0, float("nan"), float("inf"), 1e6])
def test_a_rate_that_makes_no_sense_is_replaced(tmp_path: Path, fps: float) -> None:
    with Recorder(str(tmp_path / "out.mp4"), live=False) as recorder:
        recorder.write(at(0), grey(100), fps)
    assert cv2.VideoCapture(str(recorder.path)).get(cv2.CAP_PROP_FPS) == 25


def fill(recorder: Recorder, frames: int, fps: float, error: type[BaseException] | None = None) -> None:
    for _ in range(frames):
        recorder.write(at(0), grey(100), fps)
    if error:
        raise error


def test_it_is_playable_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Recorder(str(tmp_path / "out.mp4"), live=False) as recorder:
        fill(recorder, 5, 25, KeyboardInterrupt)
    assert len(read_video(recorder.path)) == 5


def test_a_disk_that_fills_up_ends_the_file_and_it_is_playable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([1 << 40, 1 << 40, 1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    with Recorder(str(tmp_path / "out.mp4"), live=False) as recorder:
        with pytest.raises(OutputError, match=r"out\.mp4: the disk is almost full; the recording ends here$"):
            fill(recorder, 100, 10)
        recorder.give_up()
        assert len(read_video(recorder.path)) == recorder.written == 20  # looked at once a second


def test_a_live_source_that_is_slower_than_its_file_ends_on_a_full_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each frame but the first becomes three, so that what is written is 1, 4, 7, ... and never a multiple of 9."""
    free = iter([1 << 40, 1 << 40, 1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    frames = (at(number / 3 + 0.001) for number in range(20))
    with Recorder(str(tmp_path / "out.avi"), live=True) as recorder:
        with pytest.raises(OutputError, match="the disk is almost full"):
            [recorder.write(frame, grey(100), 9) for frame in frames]
        assert recorder.written == 19  # the third look is the first with two seconds in the file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.mov", r"^--record writes \.mp4, \.mkv, \.avi, \.webm\. Received: out\.mov$"),
        ("there.mp4", r"there\.mp4 is there already; name another"),
        ("none/out.mp4", r"none: there is no such folder to record into$"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_first_frame(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "there.mp4").write_bytes(b"precious")
    with pytest.raises(UsageError, match=message):
        Recorder(str(tmp_path / name), live=True)
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"


def test_a_name_may_hold_the_time(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path / "camera-%Y%m%d.mp4"), live=True)
    assert recorder.path.stem.removeprefix("camera-").isdecimal()
    assert len(recorder.path.stem) == len("camera-20260101")


def test_a_folder_that_is_read_only_is_one_line(tmp_path: Path) -> None:
    """A folder in the place of the file stands for it: root may write everywhere."""
    with Recorder(str(tmp_path / "out.mp4"), live=False) as recorder:
        (tmp_path / "out.mp4").mkdir()
        with pytest.raises(OutputError, match=r"OpenCV cannot write this video, is the folder writable\?$"):
            recorder.write(at(0), grey(100), 25)
