"""A camera on the network that falls behind, dies and comes back: newest first, nothing made up, all counted."""

from threading import Event, active_count

import numpy as np
import pytest

from edge.errors import SourceError
from edge.watch import live
from edge.watch.address import parse_address
from edge.watch.live import LiveSource
from edge.watch.pace import Pace
from tests.edge.watch.streams import MjpegCamera
from tests.waiting import until

LOSS = 2


@pytest.fixture
def camera() -> MjpegCamera:
    return MjpegCamera()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(live, "LONGEST_PAUSE_S", 0.02)


def source(camera: MjpegCamera, said: list[str] | None = None, pace: Pace | None = None) -> LiveSource:
    """The camera's pictures; lines about it go into `said`."""
    return LiveSource(parse_address(camera.address), pace or Pace(), ([] if said is None else said).append)


def level(frame: object) -> int:
    return round(float(np.mean(frame.image.pixels)))  # type: ignore[attr-defined]


def test_a_frame_that_was_overtaken_is_dropped_and_counted(camera: MjpegCamera) -> None:
    """The reader is held up while four frames come, of which the last is read next."""
    stop, live_source = Event(), source(camera)
    with camera.up():
        camera.show(10)
        frames = live_source.frames(stop)
        assert abs(level(next(frames)) - 10) <= LOSS
        for value in (50, 90, 130, 170):
            camera.show(value)
        until(lambda: live_source.tally.read == 5)
        newest = next(frames)
        assert newest.number == 4
        assert abs(level(newest) - 170) <= LOSS
        stop.set()
        assert list(frames) == []
    assert (live_source.tally.read, live_source.tally.dropped, live_source.tally.lost) == (5, 3, 0)


def test_a_lost_source_is_found_again_and_gives_no_frames_meanwhile(camera: MjpegCamera) -> None:
    said: list[str] = []
    stop, live_source = Event(), source(camera, said)
    frames = live_source.frames(stop)
    with camera.up():
        camera.show(10)
        assert abs(level(next(frames)) - 10) <= LOSS
    until(lambda: len(said) >= 3)  # it tries again and again
    assert not live_source.connected
    assert live_source.tally.read == 1
    with camera.up():
        camera.show(200)
        assert abs(level(next(frames)) - 200) <= LOSS
        assert live_source.connected
        stop.set()
        assert list(frames) == []
    assert (live_source.tally.read, live_source.tally.lost) == (2, 1)
    assert said[0] == f"{camera.address}: no connection; trying again in 0.01 s"
    assert f"{camera.address}: connected again" in said
    assert said[1].endswith("0.02 s")


def test_a_damaged_picture_is_counted_and_the_next_is_read(camera: MjpegCamera) -> None:
    stop, live_source = Event(), source(camera)
    with camera.up():
        frames = live_source.frames(stop)
        camera.show(10)
        next(frames)
        camera.pictures.put(b"\xff\xd8 this is no picture \xff\xd9")
        camera.show(120)
        assert abs(level(next(frames)) - 120) <= LOSS
        stop.set()
        assert list(frames) == []
    assert (live_source.tally.broken, live_source.tally.lost) == (1, 0)


def test_a_camera_that_changes_its_size_is_followed(camera: MjpegCamera) -> None:
    stop, live_source = Event(), source(camera)
    with camera.up():
        frames = live_source.frames(stop)
        for size in ((48, 64), (96, 80), (30, 200)):
            camera.show(100, *size)
            frame = next(frames)
            assert frame.image
            assert frame.image.pixels.shape == (*size, 3)
        stop.set()
        assert list(frames) == []


def test_frames_that_are_not_wanted_are_skipped_not_dropped(camera: MjpegCamera) -> None:
    stop, live_source = Event(), source(camera, pace=Pace(3))
    with camera.up():
        frames = live_source.frames(stop)
        for value in (10, 40, 70, 100):
            camera.show(value)
        numbers = [next(frames).number]
        while numbers[-1] != 3:
            numbers.append(next(frames).number)
        stop.set()
        assert list(frames) == []
    assert live_source.tally.skipped == 2
    assert len(numbers) + live_source.tally.dropped == 2


def test_a_source_that_never_was_there_is_one_line(camera: MjpegCamera) -> None:
    with pytest.raises(SourceError, match=r"the camera does not answer \(.*refused"):
        next(source(camera).frames(Event()))


def test_a_source_that_opens_but_is_taken_is_one_line(camera: MjpegCamera) -> None:
    with camera.up():
        camera.pictures.put(None)
        with pytest.raises(SourceError, match=r"it opens, but gives no pictures; is another program using it\?$"):
            next(source(camera).frames(Event()))


def test_the_source_is_released_when_the_iteration_ends(camera: MjpegCamera) -> None:
    before = active_count()
    with camera.up():
        camera.show(10)
        frames = source(camera).frames(Event())
        next(frames)
        camera.pictures.put(None)
        frames.close()
    assert active_count() == before


def test_it_ends_while_the_source_is_gone(camera: MjpegCamera) -> None:
    said: list[str] = []
    stop = Event()
    frames = source(camera, said).frames(stop)
    with camera.up():
        camera.show(10)
        next(frames)
    until(lambda: said)
    stop.set()
    assert list(frames) == []


def test_a_camera_that_is_not_there_says_which_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"^camera 987: there is no /dev/video987; cameras here: ") as caught:
        next(LiveSource(parse_address("987"), Pace(), print).frames(Event()))
    assert "\n" not in str(caught.value)


def test_a_device_that_is_no_camera_is_one_line() -> None:
    with pytest.raises(
        SourceError, match=r"^camera /dev/null: /dev/null gives no pictures; is another program using it"
    ):
        next(LiveSource(parse_address("/dev/null"), Pace(), print).frames(Event()))
