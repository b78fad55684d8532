"""Videos and a camera on the network: every frame is accounted for, the newest comes first, nothing is made up."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

from edge.errors import SourceError
from edge.watch import capture
from edge.watch.capture import Frame, LiveSource, VideoSource
from tests.edge.pictures import noise
from tests.edge.watch.streams import MjpegCamera
from tests.edge.watch.videos import damaged, grey, write_video
from tests.waiting import until

# What a codec loses of a picture of one level.
LOSS = 4


def video(path: Path, every_s: float = 0.0) -> VideoSource:
    return VideoSource(str(path), path.name, every_s, print)


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> MjpegCamera:
    monkeypatch.setattr(capture, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(capture, "LONGEST_PAUSE_S", 0.02)
    return MjpegCamera()


def live(camera: MjpegCamera, said: list[str] | None = None) -> LiveSource:
    return LiveSource(camera.address, "the camera", 0.0, ([] if said is None else said).append)


def level(frame: Frame) -> float:
    assert frame.image
    return float(frame.image.pixels.mean())


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_every_frame_of_a_video_comes_in_order_with_its_place(tmp_path: Path, suffix: str) -> None:
    levels = [20 + 5 * n for n in range(40)]
    source = video(write_video(tmp_path / f"v{suffix}", map(grey, levels), 20))
    frames = list(source.frames(Event()))
    assert [frame.number for frame in frames] == list(range(40))
    assert [frame.position_s for frame in frames] == pytest.approx([n / 20 for n in range(40)], abs=0.001)
    assert np.abs(np.array([level(frame) for frame in frames]) - levels).max() <= LOSS
    assert (source.read, source.skipped, source.broken, source.fps) == (40, 0, 0, 20)


def test_pixels_are_red_green_blue(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :, 0] = 200
    (frame,) = video(write_video(tmp_path / "v.avi", [picture])).frames(Event())
    assert frame.image
    assert np.abs(frame.image.pixels.mean((0, 1)) - [200, 0, 0]).max() <= LOSS


@pytest.mark.parametrize(("fps", "most", "wanted"), [(30, 10, 100), (30, 7, 70), (25, 100, 250)])
def test_the_rate_holds_on_average_and_after_a_pause(fps: int, most: float, wanted: int) -> None:
    """Ten seconds of a camera, a long pause, and half a second more."""
    source = LiveSource("", "", 1 / most, print)
    assert abs(sum(source.wants(n / fps) for n in range(10 * fps)) - wanted) <= 1
    assert sum(source.wants(1000 + n / fps) for n in range(fps // 2)) <= most / 2 + 2  # nothing is made up for


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_broken_stretch_is_counted_and_what_follows_is_read(tmp_path: Path, suffix: str) -> None:
    pictures = [(noise(120, 160, 3, seed=n) // 4 + 4 * n).astype(np.uint8) for n in range(40)]
    source = video(damaged(write_video(tmp_path / f"v{suffix}", pictures)))
    frames = list(source.frames(Event()))
    assert source.broken > 0
    assert source.read + source.broken == 40
    assert abs(level(frames[-1]) - pictures[-1].mean()) < 8


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_a_file_that_is_no_video_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(SourceError):
        list(video(tmp_path / "v.mp4").frames(Event()))


def test_the_newest_frame_of_a_camera_comes_next_and_those_before_are_dropped(camera: MjpegCamera) -> None:
    stop, source = Event(), live(camera)
    with camera.up(10):
        frames = source.frames(stop)
        assert abs(level(next(frames)) - 10) <= LOSS
        camera.level = 200
        until(lambda: source._newest and abs(level(source._newest) - 200) <= LOSS)
        newest = next(frames)
        assert abs(level(newest) - 200) <= LOSS
        assert newest.number > 1
        stop.set()
        assert list(frames) == []
    taken = 2
    assert source.read == taken + source.dropped
    assert source.lost == 0


def test_a_lost_camera_is_found_again_and_gives_no_frames_meanwhile(camera: MjpegCamera) -> None:
    said: list[str] = []
    stop, source = Event(), live(camera, said)
    frames = source.frames(stop)
    with camera.up(10):
        next(frames)
    until(lambda: len(said) >= 3)  # it tries again and again
    assert not source.connected
    seen = source.read
    with camera.up(200):
        rest = [level(next(frames)) for _ in range(3)]
        assert source.connected
        stop.set()
        assert list(frames) == []
    assert {round(value / 10) * 10 for value in rest} <= {10, 200}  # what the camera sent, and nothing black
    assert source.read > seen
    assert source.lost == 1
