"""Videos that the tests made: every frame is accounted for, in its time."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

from edge.errors import SourceError
from edge.watch.address import parse_address
from edge.watch.pace import Pace
from edge.watch.video import VideoSource
from tests.edge.pictures import noise
from tests.edge.watch.videos import damaged, grey, write_video

# What a codec loses of a picture of one level.
LOSS = 4


def source(path: Path, pace: Pace | None = None) -> VideoSource:
    return VideoSource(parse_address(str(path)), pace or Pace())


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_every_frame_comes_in_order_with_its_place(tmp_path: Path, suffix: str) -> None:
    levels = [20 + 5 * n for n in range(40)]
    video = source(write_video(tmp_path / f"v{suffix}", map(grey, levels), 20))
    frames = list(video.frames(Event()))
    assert [frame.number for frame in frames] == list(range(40))
    assert [frame.position_s for frame in frames] == pytest.approx([n / 20 for n in range(40)], abs=0.001)
    found = [frame.image.pixels.mean() for frame in frames if frame.image]
    assert np.abs(np.array(found) - levels).max() <= LOSS
    assert (video.tally.read, video.tally.skipped, video.tally.broken, video.tally.dropped) == (40, 0, 0, 0)
    assert video.fps == 20


def test_pixels_are_red_green_blue(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :, 0] = 200
    (frame,) = source(write_video(tmp_path / "v.avi", [picture])).frames(Event())
    assert frame.image
    assert np.abs(frame.image.pixels.mean((0, 1)) - [200, 0, 0]).max() <= LOSS


def test_frames_that_are_not_wanted_are_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [grey(9)] * 30, 30)
    every = source(path, Pace(4))
    assert [frame.number for frame in every.frames(Event())] == list(range(0, 30, 4))
    assert (every.tally.read, every.tally.skipped) == (30, 22)
    slow = source(path, Pace(1, 10))
    assert [frame.number for frame in slow.frames(Event())] == list(range(0, 30, 3))


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_broken_stretch_is_counted_and_what_follows_is_read(tmp_path: Path, suffix: str) -> None:
    pictures = [noise(120, 160, 3, seed=n) // 4 + 4 * n for n in range(40)]
    video = source(damaged(write_video(tmp_path / f"v{suffix}", [p.astype(np.uint8) for p in pictures])))
    frames = list(video.frames(Event()))
    assert video.tally.broken > 0
    assert video.tally.read + video.tally.broken == 40
    assert frames[-1].image
    assert abs(frames[-1].image.pixels.mean() - pictures[-1].mean()) < 8


def test_a_video_that_was_cut_short_is_told_by_what_its_index_claims(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", (noise(120, 160, 3, seed=n) for n in range(40)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = source(path)
    frames = list(video.frames(Event()))
    assert 10 < len(frames) < 40
    assert video.tally.broken == 40 - len(frames)


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_a_file_that_is_no_video_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(SourceError, match="this is no video that OpenCV can read"):
        list(source(tmp_path / "v.mp4").frames(Event()))


def test_stop_ends_it_at_the_next_frame(tmp_path: Path) -> None:
    stop = Event()
    video = source(write_video(tmp_path / "v.mp4", [grey(9)] * 30))
    for frame in video.frames(stop):
        if frame.number == 4:
            stop.set()
    assert video.tally.read == 5
