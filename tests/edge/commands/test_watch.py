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

import cv2
import numpy as np
import pytest

from edge.cli import DONE, INTERRUPTED, NOTHING_DONE, SOME_FAILED, main
from edge.regions.region import Box
from tests.conftest import tiny_probabilities
from tests.edge.pictures import png
from tests.edge.regions.photographs import ASTRONAUT_FACE, overlap, photograph
from tests.edge.watch.streams import MjpegCamera
from tests.edge.watch.videos import damaged, grey, read_video, write_video

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
    assert main(["watch", "tiny.onnx", "v.avi", "--steady", "3", "--refractory", "0"]) == DONE
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert [(moment, label) for moment, label, _ in lines] == [("00:00:00.200", "dark"), ("00:00:02.200", "bright")]
    shown = [float(percentage.rstrip("%")) / 100 for _, _, percentage in lines]
    assert shown == pytest.approx([tiny_probabilities(10)[0], tiny_probabilities(240)[2]], abs=LOSS)
    assert re.fullmatch(r"eyespot: 30 classified, [\d.]+ a second\n", printed.err)


def test_json_has_every_frame_of_a_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = list(range(10, 250, 8))
    write_video(folder / "v.avi", map(grey, levels), 25)
    assert main(["watch", "tiny.onnx", "v.avi", "--json", "--top", "1"]) == DONE
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["frame"] for record in records] == list(range(len(levels)))
    assert [record["position_s"] for record in records] == pytest.approx([n / 25 for n in range(len(levels))], abs=1e-3)
    best = [record["predictions"][0]["probability"] for record in records]
    assert best == pytest.approx([tiny_probabilities(level).max() for level in levels], abs=LOSS)
    assert all(record["age_ms"] >= 0 and record["latency_ms"] > 0 for record in records)


def test_frames_that_are_left_out_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(folder / "v.avi", [grey(10)] * 50, 25)
    assert (
        main(["watch", "tiny.onnx", "v.avi", "--json", "--every", "2", "--max-fps", "6.25", "--seconds", "1"]) == DONE
    )
    printed = capsys.readouterr()
    assert [json.loads(line)["frame"] for line in printed.out.splitlines()] == list(range(0, 25, 4))
    assert printed.err.startswith("eyespot: 7 classified, 22 skipped, ")  # frame 28 is read to know that it is late


def test_a_broken_video_is_watched_to_its_end_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(0)
    damaged(write_video(folder / "v.avi", (chance.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(40))))
    assert main(["watch", "tiny.onnx", "v.avi", "--json"]) == SOME_FAILED
    printed = capsys.readouterr()
    counts = re.match(r"eyespot: (\d+) classified, (\d+) could not be decoded", printed.err)
    assert counts
    assert len(printed.out.splitlines()) == int(counts[1])
    assert int(counts[1]) + int(counts[2]) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["987"], r"camera 987: there is no /dev/video987; cameras here: .*"),
        (
            ["none.mp4"],
            r"none\.mp4: no camera number, URL, video or folder has this name \(No such file or directory\)",
        ),
        (["tiny.onnx"], r"tiny\.onnx: this is no video that OpenCV can read"),
        (
            ["http://me:secret@127.0.0.1:9/"],
            r"http://me:\*\*\*@127\.0\.0\.1:9/: the camera does not answer \(.*refused\)",
        ),
        (["ftp://camera/"], r"a stream must be one of .* Received: ftp://"),
        ([".", "--record", "out.mp4"], r"a folder of pictures has no video to record; .*"),
        (["987", "--record", "out.gif"], r"--record writes .* Received: out\.gif"),
    ],
)
def test_what_cannot_be_watched_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "tiny.onnx", *arguments]) == NOTHING_DONE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(f"eyespot: {message}\n", printed.err)


def moving_faces() -> Iterator[tuple[np.ndarray, list[Box]]]:
    """A face that crosses the picture, another that is there from frame 10 to 29, and none from frame 40."""
    face = photograph("astronaut.png")[20:230, 110:340]
    height, width = face.shape[:2]
    x, y = ASTRONAUT_FACE.x - 110, ASTRONAUT_FACE.y - 20
    for number in range(50):
        picture = np.full((480, 640, 3), 110, np.uint8)
        places = [(10 + 4 * number, 20)] if number < 40 else []
        places += [(400, 250)] if 10 <= number < 30 else []
        for left, top in places:
            picture[top : top + height, left : left + width] = face
        faces = [Box(left + x, top + y, ASTRONAUT_FACE.width, ASTRONAUT_FACE.height) for left, top in places]
        yield picture, sorted(faces)


@pytest.mark.slow
def test_faces_are_followed_frame_by_frame_and_recorded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = list(moving_faces())
    write_video(folder / "v.avi", (picture for picture, _ in scenes), 25)
    arguments = ["watch", "tiny.onnx", "v.avi", "--regions", "faces", "--json", "--record", "out.mp4"]
    assert main(arguments) == DONE
    printed = capsys.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert [record["frame"] for record in records] == list(range(50))
    recorded = read_video(folder / "out.mp4")
    assert len(recorded) == 50
    for record, (_, faces), picture in zip(records, scenes, recorded, strict=True):
        boxes = [Box(**region["box"]) for region in record["regions"]]
        assert len(boxes) == len(faces), record["frame"]
        assert all(overlap(box, face) >= 0.6 for box, face in zip(boxes, faces, strict=True)), record["frame"]
        for box in boxes:  # the recording shows it: the upper edge is green
            line = picture[box.y - 1 : box.y + 2, box.x + 4 : box.x + box.width - 4].astype(int)
            assert (line[:, :, 1] - line[:, :, [0, 2]].max(axis=2)).max(axis=0).mean() > 60
    assert "eyespot: recorded 50 frames in out.mp4" in printed.err


@pytest.mark.slow
def test_a_camera_that_dies_and_comes_back_is_watched_until_sigterm(folder: Path) -> None:
    camera = MjpegCamera()
    with started(camera.address, "--json", "--record", "out.mp4") as process:
        assert process.stdout
        with camera.up():
            camera.show(10)
            first = json.loads(process.stdout.readline())
        with camera.up():
            camera.show(240, 96, 128)
            second = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate()
        assert process.returncode == DONE
    assert out == ""  # no frame that the camera did not send
    assert [record["predictions"][0]["label"] for record in (first, second)] == ["dark", "bright"]
    assert [(record["width"], record["height"]) for record in (first, second)] == [(64, 48), (128, 96)]
    assert re.search(r"no connection; trying again in 0\.5 s\n(.*\n)*eyespot: http.*: connected again\n", errors)
    assert "eyespot: 2 classified" in errors
    assert "1 times the source was lost" in errors
    frames = read_video(folder / "out.mp4")
    assert len(frames) >= 2
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
        assert process.returncode == INTERRUPTED
    classified = 10 + len(out.splitlines())
    assert f"eyespot: {classified:,} classified" in errors
    assert 10 <= classified < 1000
    assert len(read_video(folder / "out.mp4")) == classified


@pytest.mark.slow
def test_the_page_is_up_while_a_folder_is_watched(folder: Path) -> None:
    (folder / "inbox").mkdir()
    with started("inbox", "--view", "0") as process:
        assert process.stdout
        assert process.stderr
        live = process.stderr.readline()
        url = re.fullmatch(r"eyespot: live at (http://127\.0\.0\.1:\d+/)\n", live)
        assert url
        seen = threading.Event()

        def send() -> None:
            """A new picture again and again: those of before its first look do not count."""
            for number in range(1000):
                part = folder / "inbox" / f"{number}.part"
                part.write_bytes(png(grey(240)))
                os.replace(part, folder / "inbox" / f"{number}.png")
                if seen.wait(0.05):
                    return

        sender = threading.Thread(target=send)
        sender.start()
        line = process.stdout.readline()
        seen.set()
        sender.join()
        assert re.search(r"   inbox/\d+\.png   bright   9\d\.\d\d%$", line)
        capture = cv2.VideoCapture(f"{url[1]}stream")
        whole, picture = capture.read()
        capture.release()
        assert whole
        assert picture[200:].mean() == pytest.approx(240, abs=3)
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == DONE


def test_a_reader_that_goes_away_ends_it(folder: Path) -> None:
    write_video(folder / "v.avi", [grey(10)] * 5000, 25)
    command = f"{EYESPOT} watch tiny.onnx v.avi --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout.splitlines()[0])["frame"] == 0
    assert done.stdout.splitlines()[1] == str(SOME_FAILED)
    assert done.stderr == ""
