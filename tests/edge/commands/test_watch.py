"""`eyespot watch` as a user meets it: videos, a camera on the network, a folder, signals, and what is recorded."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from edge.arguments import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED
from edge.steps import Grey, ResizeSide, Scale
from eyespot.cli import main
from tests.conftest import tiny_probabilities
from tests.edge.artifacts import restamped, written
from tests.edge.pictures import png
from tests.edge.watch.streams import MjpegCamera
from tests.edge.watch.videos import grey, read_video, write_video

EYESPOT = str(Path(sys.executable).with_name("eyespot"))
# What a codec loses of a level, times the slope of the model.
LOSS = 0.1


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`eyespot watch tiny.onnx` as a process, which is ended whatever happens."""
    command = [EYESPOT, "watch", "tiny.onnx", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(60, process.kill)
        killer.start()
        try:
            yield process
        finally:
            killer.cancel()
            process.kill()


def test_a_video_gives_a_line_for_each_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Dark to 0.9 s, two bright frames that are none to mention, dark to 2 s, then bright."""
    levels = [10] * 9 + [240] * 2 + [10] * 9 + [240] * 10
    write_video(folder / "v.avi", map(grey, levels), 10)
    assert main(["watch", "tiny.onnx", "v.avi", "--debounce-frames", "3"]) == DONE
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert [(moment, label) for moment, label, _ in lines] == [("00:00:00.200", "dark"), ("00:00:02.200", "bright")]
    shown = [float(percentage.rstrip("%")) / 100 for _, _, percentage in lines]
    assert shown == pytest.approx([tiny_probabilities(10)[0], tiny_probabilities(240)[2]], abs=LOSS)
    assert printed.err.startswith("eyespot: 30 classified, ")


def test_json_has_every_frame_of_a_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = list(range(10, 250, 8))
    write_video(folder / "v.avi", map(grey, levels), 25)
    assert main(["watch", "tiny.onnx", "v.avi", "--json"]) == DONE
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["frame"] for record in records] == list(range(len(levels)))
    assert [record["position_s"] for record in records] == pytest.approx([n / 25 for n in range(len(levels))], abs=1e-3)
    best = [record["predictions"][0]["probability"] for record in records]
    assert best == pytest.approx([tiny_probabilities(level).max() for level in levels], abs=LOSS)
    assert all(record["age_ms"] >= 0 and record["latency_ms"] > 0 for record in records)
    expected = {"path": None, "dropped": 0, "width": 64, "height": 48, "unsure": False, "note": None, "error": None}
    assert all(record.items() >= expected.items() for record in records)


def test_frames_that_are_left_out_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(folder / "v.avi", [grey(10)] * 50, 25)
    assert main(["watch", "tiny.onnx", "v.avi", "--json", "--every", "0.16"]) == DONE
    printed = capsys.readouterr()
    assert [json.loads(line)["frame"] for line in printed.out.splitlines()] == list(range(0, 50, 4))
    assert printed.err.startswith("eyespot: 13 classified, 37 skipped, ")


def test_a_time_limit_ends_it_as_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(folder / "v.avi", [grey(10)] * 1000, 25)
    (folder / "inbox").mkdir()
    for source, seconds in (("inbox", "0.2"), ("v.avi", "0.001")):
        assert main(["watch", "tiny.onnx", source, "--seconds", seconds, "--json"]) == DONE


@pytest.mark.parametrize(
    "arguments",
    [
        ["987"],
        ["none.mp4"],
        ["tiny.onnx"],
        ["http://me:secret@127.0.0.1:9/"],
        ["ftp://camera/"],
        ["a\0b"],
        [".", "--record", "out.mp4"],
        ["987", "--record", "out.gif"],
    ],
)
def test_what_cannot_be_watched_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "tiny.onnx", *arguments]) == NOTHING_DONE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("eyespot: ")
    assert "secret" not in err


@pytest.mark.slow
def test_a_camera_that_dies_and_comes_back_is_watched_until_sigterm(folder: Path) -> None:
    camera = MjpegCamera()
    with started(camera.address, "--json", "--record", "out.mp4") as process:
        assert process.stdout
        labels = []
        for level, label in ((10, "dark"), (240, "bright")):
            with camera.up(level):
                for line in process.stdout:
                    labels.append(json.loads(line)["predictions"][0]["label"])
                    if labels[-1] == label:
                        break
                if label == "bright":
                    process.send_signal(signal.SIGTERM)
                    _, errors = process.communicate()
    assert process.returncode == DONE
    assert set(labels) == {"dark", "bright"}
    assert labels == sorted(labels, reverse=True)  # dark until it went, bright when it came back, nothing between
    assert re.search(r"no connection; trying again in 0\.5 s\n(.*\n)*eyespot: http.*: connected again\n", errors)
    assert "the source was lost 1 times" in errors
    frames = read_video(folder / "out.mp4")
    assert frames[0].mean() < 60 < 180 < frames[-1].mean()


@pytest.mark.slow
def test_sigterm_in_a_video_leaves_a_recording_that_plays(folder: Path) -> None:
    write_video(folder / "v.avi", [grey(10)] * 1000, 25)  # more than a pipe holds, so that it waits
    with started("v.avi", "--json", "--record", "out.mp4") as process:
        assert process.stdout
        for _ in range(10):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate()
    classified = 10 + len(out.splitlines())
    assert process.returncode == INTERRUPTED
    assert f"eyespot: {classified:,} classified" in errors
    assert 10 <= classified < 1000
    assert len(read_video(folder / "out.mp4")) == classified


@pytest.mark.slow
def test_a_folder_is_watched_past_what_no_model_can_take_with_a_page(folder: Path, tiny_content: bytes) -> None:
    """One of two pictures is a strip that would become 256 x 16.8 million pixels."""
    steps = (ResizeSide("shorter", 256, "area"), Grey(), Scale(1 / 255))
    written(folder / "tiny.onnx", restamped(tiny_content, preprocessing=steps))
    (folder / "inbox").mkdir()
    seen = threading.Event()

    def send() -> None:
        """A new picture again and again: those of before the first look do not count."""
        for number in range(1000):
            part = folder / "inbox" / f"{number}.part"
            part.write_bytes(png(grey(240, *((1, 65535) if number % 2 else (48, 64)))))
            os.replace(part, folder / "inbox" / f"{number}.png")
            if seen.wait(0.05):
                return

    with started("inbox", "--view", "0") as process:
        assert process.stdout
        assert process.stderr
        url = re.fullmatch(r"eyespot: live at (http://127\.0\.0\.1:\d+/)\n", process.stderr.readline())
        assert url
        sender = threading.Thread(target=send)
        sender.start()
        bright, refused = False, False
        while not (bright and refused):
            line = process.stdout.readline()
            bright |= bool(re.search(r"   inbox/\d*[02468]\.png   bright   9\d\.\d\d%$", line))
            refused |= bool(re.search(r"   inbox/\d*[13579]\.png   .*[^%]$", line))
        seen.set()
        sender.join()
        with urlopen(f"{url[1]}frame.jpg", timeout=10) as answer:
            picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
        assert picture[200:].mean() == pytest.approx(240, abs=3)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == SOME_FAILED


def test_without_opencv_the_extra_is_named(folder: Path) -> None:
    script = "import sys; sys.modules['cv2'] = None\nfrom eyespot.cli import main\nsys.exit(main(['watch', 'a.onnx']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (NOTHING_DONE, 1)
    assert "eyespot[camera]" in done.stderr
