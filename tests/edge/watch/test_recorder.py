"""Recordings, read back with OpenCV: every frame, at the right time, at one size, playable however it ended."""

import shutil
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.errors import OutputError, UsageError
from edge.watch.output import CODECS, Recorder
from tests.edge.watch.videos import grey, read_video

LOSS = 5


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_each_frame_of_a_file_becomes_one(tmp_path: Path, suffix: str) -> None:
    levels = list(range(20, 220, 10))
    with closing(Recorder(str(tmp_path / f"out{suffix}"), live=False)) as recorder:
        for level in levels:
            recorder.write(grey(level), 0, 12.5)
    frames = read_video(recorder.path)
    assert recorder.written == len(frames) == len(levels)
    assert np.abs([frame.mean() for frame in frames] - np.array(levels)).max() <= LOSS
    assert cv2.VideoCapture(str(recorder.path)).get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)


def test_a_live_source_is_recorded_as_fast_as_it_was_without_the_time_it_was_away(tmp_path: Path) -> None:
    """At 10 frames a second: frames at 0, 0.5 and 0.6 s, many within 0.01 s, and one a minute later."""
    shown = [(0, 10), (0.501, 100), (0.601, 200), (0.605, 30), (0.61, 30), (60.61, 50)]
    with closing(Recorder(str(tmp_path / "out.avi"), live=True)) as recorder:
        for seconds, level in shown:
            recorder.write(grey(level), 1000 + seconds, 10)
    found = np.array([frame.mean() for frame in read_video(recorder.path)])
    assert np.abs(found - [10, 100, 100, 100, 100, 100, 200, *[50] * 10]).max() <= LOSS


def test_a_disk_that_fills_up_ends_the_file_and_it_is_playable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([*[1 << 40] * 20, 1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    with closing(Recorder(str(tmp_path / "out.mp4"), live=False)) as recorder:
        for _ in range(20):
            recorder.write(grey(100), 0, 10)
        with pytest.raises(OutputError):
            recorder.write(grey(100), 0, 10)
    assert len(read_video(recorder.path)) == recorder.written == 20


@pytest.mark.parametrize("name", ["out.mov", "there.mp4", "none/out.mp4"])
def test_what_cannot_be_written_is_refused_before_the_first_frame(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.mp4").write_bytes(b"precious")
    with pytest.raises(UsageError):
        Recorder(str(tmp_path / name), live=True)
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"
