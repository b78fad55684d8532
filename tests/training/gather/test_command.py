"""`eyespot gather` as a user meets it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from edge.cli import main
from tests.conftest import Run
from tests.full_disk import full_behind
from tests.training.gather.bad_server import Reply, picture, serving
from training.captcha.server import CaptchaServer
from training.gather.collection import MANIFEST


def test_it_goes_on_where_it_ended_until_there_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    with CaptchaServer(0, 4, None, tmp_path / "truth.jsonl") as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for count, new in ((5, 5), (12, 7), (12, 0)):
            options = ["--output", str(folder), "--count", str(count), "--delay", "0"]
            assert main(["gather", server.url, *options]) == 0
            assert capsys.readouterr().out == f"{folder}: {count} of {count} pictures; {new} new\n"
        server.shutdown()
    assert len((tmp_path / "truth.jsonl").read_text().splitlines()) == 12  # nothing was fetched twice
    assert len(list(folder.glob("*.png"))) == 12


@pytest.mark.parametrize(
    ("reply", "robots", "said"),
    [
        (Reply(404), Reply(404), "/picture: HTTP 404 Not Found"),
        (picture(1), Reply(content=b"User-agent: *\nDisallow: /", kind="text/plain"), "robots.txt of"),
        (Reply(503, headers={"Retry-After": "0"}), Reply(404), "HTTP 503 Service Unavailable; asked 1 times"),
    ],
)
def test_where_nothing_is_to_be_had_nothing_is_done(
    reply: Reply, robots: Reply, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(reply, robots=robots) as server:
        assert main(["gather", server.url, "--output", str(tmp_path / "new"), "--delay", "0", "--retries", "0"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_server_that_ends_early_leaves_what_it_gave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(picture(1), picture(2), Reply(410)) as server:
        assert main(["gather", server.url, "--output", str(tmp_path / "new"), "--count", "9", "--delay", "0"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'new'}: 2 of 9 pictures; 2 new\n"
    assert err == f"eyespot: {server.url}: HTTP 410 Gone\n"


def test_a_server_that_gives_no_more_to_a_folder_that_holds_some_is_told_by_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    options = ["--output", str(folder), "--delay", "0"]
    with serving(picture(1), Reply(410)) as server:
        assert main(["gather", server.url, *options, "--count", "1"]) == 0
        assert main(["gather", server.url, *options, "--count", "2"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1] == f"{folder}: 1 of 2 pictures; 0 new"
    assert err == f"eyespot: {server.url}: HTTP 410 Gone\n"


def test_a_disk_that_fills_up_leaves_a_status_and_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    large = Reply(content=picture(1).content + bytes(1 << 20))  # behind its end a PNG may have anything
    with serving(picture(1), large) as server, full_behind(1 << 20):
        assert main(["gather", server.url, "--output", str(folder), "--count", "2", "--delay", "0"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{folder}: 1 of 2 pictures; 1 new\n"
    said = "File too large; 1 pictures are safe, make room and give the same command again"
    assert err == f"eyespot: {folder}: {said}\n"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://www..example.com/a"])
def test_an_address_of_another_kind_is_one_line(url: str, tmp_path: Path, eyespot: Run) -> None:
    done = eyespot("gather", url, "--output", tmp_path / "new")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_interrupted_or_killed_it_leaves_a_folder_that_goes_on(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    command = [str(Path(sys.executable).with_name("eyespot")), "gather"]
    with serving(picture(1), picture(2), Reply(503, headers={"Retry-After": "500"}), picture(3)) as server:
        options = [server.url, "--output", str(folder), "--count", "3", "--delay", "0"]
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
            assert run.stderr
            assert "HTTP 503 Service Unavailable; asking again in 500 s" in run.stderr.readline()
            os.kill(run.pid, number)
            assert run.wait(20) == status
        assert len((folder / MANIFEST).read_text().splitlines()) == 2
        assert main(["gather", *options]) == 0
    assert [(folder / f"00000{n}.png").read_bytes() for n in (1, 2, 3)] == [picture(n).content for n in (1, 2, 3)]
